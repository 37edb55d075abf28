"""Sliding windows over NC+spatial tensors of any rank: the geometry shared by convolution and pooling.

`Window` holds the attributes, `Geometry` what follows from them for one input shape. At unit strides the padded plane
is treated as flat (rows as wide as the padded input): each tap is then one long contiguous run, and the few columns
that belong to no output are computed and dropped.
"""

from __future__ import annotations

from functools import cached_property
from math import prod

from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array, Dim, Shape
from edgeconv.ops.base import ShapeError
from edgeconv.records import dataclass

__all__ = ["Geometry", "Window", "resolve_auto_pad"]


@dataclass(frozen=True)
class Window:
    """Kernel extents, strides, dilations and pads (begins, then ends) over the spatial dimensions."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    def check(self, spatial: int) -> None:
        """Raise ShapeError unless every attribute has one positive entry per spatial dimension."""
        for name, values in (("kernel", self.kernel), ("strides", self.strides), ("dilations", self.dilations)):
            if len(values) != spatial or min(values, default=1) < 1:
                raise ShapeError(f"{name} {values} must be {spatial} positive integers")
        if len(self.pads) != 2 * spatial or min(self.pads, default=0) < 0:
            raise ShapeError(f"pads {self.pads} must be {2 * spatial} integers, none negative")

    def output_dims(self, spatial: Shape, ceil_mode: bool = False) -> Shape:
        """Spatial output dimensions for spatial input dimensions."""
        self.check(len(spatial))
        return tuple(self._output_dim(axis, dim, ceil_mode) for axis, dim in enumerate(spatial))

    def _output_dim(self, axis: int, dim: Dim, ceil_mode: bool) -> Dim:
        begin, end = self.pads[axis], self.pads[axis + len(self.kernel)]
        stride, span = self.strides[axis], self.dilations[axis] * (self.kernel[axis] - 1) + 1
        room = dim + begin + end - span
        if isinstance(room, int) and room < 0:
            raise ShapeError(f"a window of {span} does not fit a padded dimension of {dim + begin + end}")
        out = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
        if ceil_mode and isinstance(out, int) and isinstance(dim, int) and (out - 1) * stride >= dim + begin:
            out -= 1  # ONNX: a window that would start in the end padding is dropped
        return out

    def geometry(self, shape: tuple[int, ...], out: tuple[int, ...]) -> Geometry:
        """The geometry for one static input shape (C, *spatial) and spatial output `out`."""
        return Geometry(self, shape, out)


@dataclass(frozen=True)
class Geometry:
    """Window positions over one sample of shape (C, *spatial)."""

    window: Window
    shape: tuple[int, ...]
    out: tuple[int, ...]

    @cached_property
    def padded(self) -> tuple[int, ...]:
        """Shape of the padded sample (C, *spatial), wide enough for the last window."""
        rank = len(self.out)
        dims = []
        for axis, size in enumerate(self.shape[1:]):
            begin, end = self.window.pads[axis], self.window.pads[axis + rank]
            last = (self.out[axis] - 1) * self.window.strides[axis]
            span = self.window.dilations[axis] * (self.window.kernel[axis] - 1) + 1
            dims.append(max(size + begin + end, last + span))
        return (self.shape[0], *dims)

    @property
    def is_padded(self) -> bool:
        """True when the sample must be copied into a larger buffer first."""
        return self.padded != self.shape

    @property
    def is_flat(self) -> bool:
        """True at unit strides, where each tap is one contiguous run of the padded plane."""
        return set(self.window.strides) == {1}

    @property
    def is_pointwise(self) -> bool:
        """True when windows are single elements at unit stride and nothing is padded."""
        return self.is_flat and prod(self.window.kernel) == 1 and not self.is_padded

    @cached_property
    def columns(self) -> int:
        """Columns of the product per sample: the outputs, plus the margin columns of the flat layout."""
        return self.out[0] * prod(self.padded[2:]) if self.is_flat else prod(self.out)

    @cached_property
    def run(self) -> int:
        """Columns that are really computed: in the flat layout the last margin is left out."""
        if not self.is_flat:
            return self.columns
        strides = _element_strides(self.padded)[1:]
        return sum((o - 1) * s for o, s in zip(self.out, strides, strict=True)) + 1

    def interior(self, padded: Array) -> Array:
        """The part of a padded buffer that holds the sample itself."""
        begins = self.window.pads
        return padded[(slice(None), *(slice(b, b + n) for b, n in zip(begins, self.shape[1:], strict=False)))]

    def taps(self, padded: Array, groups: int = 1) -> Array:
        """A read-only view (groups, C / groups, *kernel, run) of a contiguous padded sample: what each tap sees.

        Where the layout is not flat, (*out) takes the place of the run.
        """
        channel, *steps = padded.strides
        per_group = self.shape[0] // groups
        lead = (channel * per_group, channel, *(d * s for d, s in zip(self.window.dilations, steps, strict=True)))
        if self.is_flat:
            shape: tuple[int, ...] = (groups, per_group, *self.window.kernel, self.run)
            return as_strided(padded, shape, (*lead, padded.itemsize), writeable=False)
        shape = (groups, per_group, *self.window.kernel, *self.out)
        moves = (n * s for n, s in zip(self.window.strides, steps, strict=True))
        return as_strided(padded, shape, (*lead, *moves), writeable=False)

    def outputs_of(self, columns: Array) -> Array:
        """The outputs (rows, *out) inside a product of shape (rows, columns), margins left out."""
        rows = columns.shape[0]
        if not self.is_flat:
            return columns.reshape(rows, *self.out)
        full = columns.reshape(rows, self.out[0], *self.padded[2:])
        return full[(slice(None), slice(None), *(slice(0, n) for n in self.out[1:]))]


def resolve_auto_pad(auto_pad: str, window: Window, spatial: Shape) -> tuple[int, ...]:
    """Explicit pads for ONNX's `auto_pad`; SAME needs a spatial shape that is known."""
    rank = len(window.kernel)
    if auto_pad == "NOTSET":
        return window.pads
    if auto_pad == "VALID":
        return (0,) * (2 * rank)
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ShapeError(f"auto_pad {auto_pad!r} is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    begins, ends = [], []
    for axis, dim in enumerate(spatial):
        if not isinstance(dim, int):
            raise ShapeError(f"auto_pad {auto_pad} needs a fixed spatial shape, found {dim}; pass --input-shape")
        stride, span = window.strides[axis], window.dilations[axis] * (window.kernel[axis] - 1) + 1
        total = max((-(-dim // stride) - 1) * stride + span - dim, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if auto_pad == "SAME_UPPER" else large)
        ends.append(large if auto_pad == "SAME_UPPER" else small)
    return (*begins, *ends)


def _element_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
