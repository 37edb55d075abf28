"""Pooling over windows of any rank, one axis after another: a window's maximum (or sum) is separable.

Each axis is combined by shifted slices, so the work grows with the sum of the kernel's extents, not their product, and
nothing is padded: a tap that lies in the padding is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Operator, Scratch, ShapeError
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass, replace

__all__ = [
    "AxisTaps",
    "Pooling",
    "axis_members",
    "axis_taps",
    "check_reach",
    "import_window",
    "plan_separable",
    "window_counts",
]

_LONGEST = 1 << 16
"""Elements of a window along one axis; each costs a step."""


@dataclass(frozen=True)
class AxisTaps:
    """Along one axis: (tap of the kernel, outputs that it serves, the inputs that it reads); `out` outputs in all."""

    parts: tuple[tuple[int, slice, slice], ...]
    out: int

    @property
    def covering(self) -> list[int]:
        """Positions of the parts that serve every output."""
        return [i for i, (_, target, _) in enumerate(self.parts) if target == slice(0, self.out)]


@dataclass(frozen=True)
class Pooling(Operator):
    """Base of what goes over windows. Pads are begins, then ends; `ceil_mode` keeps a last window that is cut off."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window(self.kernel, self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 3 or x.dtype == "bool":
            raise ShapeError(f"needs a batch, channels and spatial dimensions of numbers, found {x}")
        spatial = self.window.output_dims(x.shape[2:], self.ceil_mode)
        check_reach(self.window)
        return (x.with_shape((*x.shape[:2], *spatial)),)

    def reduced(self, ufunc: np.ufunc, start: float, x: Array) -> Array:
        """`ufunc` over every window of x; `start` is what no element at all gives."""
        for axis, out in enumerate(Pooling.infer(self, TensorType(x.dtype.name, x.shape))[0].ints[2:], 2):
            y = np.full((*x.shape[:axis], out, *x.shape[axis + 1 :]), start, x.dtype)
            moved, source = np.moveaxis(y, axis, 0), np.moveaxis(x, axis, 0)
            for _, target, into in axis_taps(self.window, axis - 2, x.shape[axis], out).parts:
                ufunc(moved[target], source[into], out=moved[target])
            x = y
        return x


def axis_taps(window: Window, axis: int, size: int, out: int) -> AxisTaps:
    """The taps of spatial `axis` for an input of `size` and `out` outputs; taps that only see padding are left out."""
    stride, dilation, begin = window.strides[axis], window.dilations[axis], window.pads[axis]
    parts = []
    for tap in range(window.kernel[axis]):
        shift = tap * dilation - begin
        first = max(0, -(shift // stride))
        last = min(out, (size - 1 - shift) // stride + 1)
        if first < last:
            start = first * stride + shift
            stop = start + (last - first - 1) * stride + 1
            parts.append((tap, slice(first, last), slice(start, stop, stride)))
    return AxisTaps(tuple(parts), out)


def check_reach(window: Window) -> None:
    """Raise ShapeError when a window would lie wholly in the padding, as ONNX Runtime does, or is absurdly long."""
    for axis, extent in enumerate(window.kernel):
        span = window.dilations[axis] * (extent - 1) + 1
        if max(window.pads[axis], window.pads[axis + len(window.kernel)]) >= span:
            raise ShapeError(f"pads {window.pads} must be smaller than the window {window.kernel}")
        if extent > _LONGEST:
            raise ShapeError(f"a window of {extent} elements is longer than {_LONGEST}")


def window_counts(window: Window, spatial: Sequence[int], out: Sequence[int], include_pad: bool) -> Array:
    """Elements under each window, float64 of shape `out`: with the padding, or only those of the input."""
    counts = np.ones((), np.float64)
    if include_pad:
        rank = len(window.kernel)
        spatial = [window.pads[axis] + size + window.pads[axis + rank] for axis, size in enumerate(spatial)]
        window = replace(window, pads=(0,) * (2 * rank))
    for axis, (size, outputs) in enumerate(zip(spatial, out, strict=True)):
        begins = np.arange(outputs) * window.strides[axis] - window.pads[axis]
        dilation = window.dilations[axis]
        first = np.maximum(-(begins // dilation), 0)  # the first tap that is not before the input
        beyond = np.minimum((size - 1 - begins) // dilation + 1, window.kernel[axis])
        counts = np.multiply.outer(counts, np.maximum(beyond - first, 0))
    return counts


def axis_members(window: Window, axis: int, size: int, out: int) -> Array:
    """float32 (out, size): 1 where an element of the input lies under the window of an output, along spatial `axis`."""
    members = np.zeros((out, size), np.float32)
    starts = np.arange(out)[:, None] * window.strides[axis] - window.pads[axis]
    places = starts + np.arange(window.kernel[axis]) * window.dilations[axis]
    outputs, taps = ((places >= 0) & (places < size)).nonzero()
    members[outputs, places[outputs, taps]] = 1
    return members


def plan_separable(ufunc: np.ufunc, fill: float, window: Window, x: Array, y: Array, scratch: Scratch) -> Kernel:
    """A kernel: y = `ufunc` over every window of x (N, C, *S); `fill` is what no element at all gives.

    x and y have one dtype. The outermost spatial axis goes first: its slices are long contiguous rows.
    """
    steps: list[Kernel] = []
    source = x
    for axis in range(len(window.kernel)):
        place, is_last = axis + 2, axis == len(window.kernel) - 1
        shape = (*source.shape[:place], y.shape[place], *source.shape[place + 1 :])
        target = y if is_last else scratch(shape, y.dtype.name)
        taps = axis_taps(window, axis, source.shape[place], y.shape[place])
        steps.append(_combine(ufunc, fill, taps, place, source, target))
        source = target

    def kernel() -> None:
        for step in steps:
            step()

    return kernel


def _combine(ufunc: np.ufunc, fill: float, taps: AxisTaps, axis: int, source: Array, target: Array) -> Kernel:
    lead = (slice(None),) * axis
    pairs = [(target[(*lead, out)], source[(*lead, into)]) for _, out, into in taps.parts]
    covering = taps.covering
    first = [pairs[position][1] for position in covering[:2]]
    rest = [pair for position, pair in enumerate(pairs) if position not in covering[:2]]

    def kernel() -> None:
        if len(first) == 2:
            ufunc(first[0], first[1], out=target)
        elif first:
            np.copyto(target, first[0])
        else:
            target.fill(fill)
        for out, into in rest:
            ufunc(out, into, out=out)

    return kernel


def import_window(
    kernel_shape: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int]
) -> Window:
    """The window of an ONNX pooling node, with ONNX's defaults for what is not given."""
    rank = len(kernel_shape)
    ones, none = (1,) * rank, (0,) * (2 * rank)
    window = Window(tuple(kernel_shape), tuple(strides) or ones, tuple(dilations) or ones, tuple(pads) or none)
    window.check(rank)
    return window
