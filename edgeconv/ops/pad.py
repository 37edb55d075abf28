"""Pad: a border around a tensor: constant, reflected, repeated (edge) or periodic (wrap). Negative pads crop."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, TensorType, quantize
from edgeconv.dims import counted
from edgeconv.ops.axes import check_axis, constant_ints, constant_value, is_plain, normal_axis, sizes_of
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Border", "Pad", "PadBy", "check_value"]

_MODES = ("constant", "reflect", "edge", "wrap")


class Border(Operator):
    """What puts a border around its input; `value` is the real value of a constant one."""

    mode: str
    value: float

    @property
    def border(self) -> float:
        """The value that is added to those of the input, 0 where none is."""
        return self.value if self.mode == "constant" else 0.0


@dataclass(frozen=True)
class Pad(Border):
    """Begins of all axes, then ends."""

    pads: tuple[int, ...]
    mode: str = "constant"
    value: float = 0.0

    quant: ClassVar[QuantRule | None] = MOVE

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not x.rank or len(self.pads) != 2 * x.rank or self.mode not in _MODES:
            raise ShapeError(f"pads {self.pads} and mode {self.mode!r} do not fit {x}; modes are {', '.join(_MODES)}")
        if self.mode == "constant":
            check_value(self.value, x)
        return (x.with_shape(tuple(self._dim(axis, dim) for axis, dim in enumerate(x.shape))),)

    def _dim(self, axis: int, dim: Dim) -> Dim:
        begin, end = self._pair(axis)
        kept = dim + min(begin, 0) + min(end, 0)
        if isinstance(kept, int):
            if kept < 0:
                raise ShapeError(f"pads {begin} and {end} cut more than there is of dimension {axis} ({dim})")
            if kept == 0 and self.mode != "constant" and (begin > 0 or end > 0):
                raise ShapeError(f"dimension {axis} has nothing to take a border from")
        return dim + begin + end

    def _pair(self, axis: int) -> tuple[int, int]:
        return self.pads[axis], self.pads[axis + len(self.pads) // 2]

    def _parts(self, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], list[tuple[int, int]]]:
        """What is kept of the input, and the pads around it, none negative."""
        pairs = [self._pair(axis) for axis in range(len(shape))]
        kept = tuple(slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(shape, pairs, strict=True))
        return kept, [(max(begin, 0), max(end, 0)) for begin, end in pairs]

    def run(self, x: Array) -> Array:
        kept, border = self._parts(x.shape)
        if self.mode == "constant":
            return np.pad(x[kept], border, constant_values=_stored(self.value, x.dtype))
        result: Array = np.pad(x[kept], border, self.mode)  # type: ignore[call-overload]
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        kept, border = self._parts(x.shape)
        source = x[kept]
        inner = y[tuple(slice(begin, begin + n) for (begin, _), n in zip(border, source.shape, strict=True))]
        if self.mode == "constant":
            return _plan_constant(source, inner, y, self._fill(inputs[0]))
        copies = [pair for axis in range(y.ndim) for pair in _border_copies(y, axis, border[axis], self.mode)]

        def kernel() -> None:
            np.copyto(inner, source)
            for target, origin in copies:
                np.copyto(target, origin)

        return kernel

    def _fill(self, x: Operand) -> Array:
        """The border's value as the tensor stores it."""
        if x.q is None:
            return _stored(self.value, x.array.dtype)
        return quantize(np.array(self.value, np.float32), x.q)


@dataclass(frozen=True)
class PadBy(Border):
    """Pad whose pads (begins of `axes`, then ends, int64) are known at run time only; data may decide (with a `label`).

    A third input may hold the value of a constant border, instead of `value`.
    """

    axes: tuple[int, ...]
    mode: str = "constant"
    label: str = ""
    value: float = 0.0

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,), shared=True, absent=(2,))

    def infer(self, x: TensorType, pads: TensorType, value: TensorType | None = None) -> tuple[TensorType, ...]:
        for axis in self.axes:
            check_axis(axis, x.rank)
        if pads.shape != (2 * len(self.axes),) or (value is not None and (value.dtype, value.size) != (x.dtype, 1)):
            raise ShapeError(f"needs two pads for each of the axes {self.axes} and a value like {x}, found {pads}")
        sizes = sizes_of(pads, self.label)
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) == len(sizes):
            return Pad(self._full(known, x.rank), self.mode, self.value).infer(x)
        dims = list(x.shape)
        for begin, end, axis in zip(sizes, sizes[len(self.axes) :], self.axes, strict=False):
            dims[axis] = counted(f"{self.label}.{axis}") if pads.value is None else dims[axis] + begin + end
        return (x.with_shape(tuple(dims)),)

    def run(self, x: Array, pads: Array, value: Array | None = None) -> Array:
        if pads.dtype == object:
            raise ValueError("the pads are not known yet")
        full = self._full(pads.tolist(), x.ndim)
        if value is None or self.mode != "constant":
            return Pad(full, self.mode, self.value).run(x)
        # the border's value may be anything that x can hold, so it is put there as it is
        inside = Pad(full).run(np.ones(x.shape, bool))
        return np.where(inside, Pad(full).run(x), value.reshape(()))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        known = inputs[1].type.value
        if known is None or inputs.get(2) is not None:
            return super().plan(inputs, outputs, scratch)
        pad = Pad(self._full(known.tolist(), inputs[0].type.rank), self.mode, self.value)
        return pad.plan(inputs, outputs, scratch)

    def _full(self, pads: Sequence[int], rank: int) -> tuple[int, ...]:
        full = [0] * (2 * rank)
        for begin, end, axis in zip(pads, pads[len(self.axes) :], self.axes, strict=False):
            full[axis], full[axis + rank] = begin, end
        return tuple(full)


def check_value(value: float, x: TensorType) -> None:
    """ShapeError unless a tensor of type `x` can hold the real `value`."""
    kind = np.dtype(x.dtype).kind
    limits = (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max) if kind in "iu" else (0, 1)
    if isnan(value) or (kind != "f" and x.q is None and not limits[0] <= value <= limits[1]):
        raise ShapeError(f"{x} cannot hold the value {value}")


def _stored(value: float, dtype: np.dtype) -> Array:
    return np.array(value if dtype.kind == "f" else int(value), dtype)


def _plan_constant(source: Array, inner: Array, y: Array, value: Array) -> Kernel:
    def kernel() -> None:
        y.fill(value)
        np.copyto(inner, source)

    return kernel


def _border_copies(y: Array, axis: int, border: tuple[int, int], mode: str) -> list[tuple[Array, Array]]:
    """(target, origin) planes along `axis`; axes before it are complete by then, those behind it follow."""
    begin, end = border
    size = y.shape[axis] - begin - end
    if not size:
        return []
    planes = np.moveaxis(y, axis, 0)
    origins = begin + np.pad(np.arange(size), border, mode)  # type: ignore[call-overload]
    outside = [*range(begin), *range(begin + size, y.shape[axis])]
    return [(planes[place : place + 1], planes[origins[place] : origins[place] + 1]) for place in outside]


def _pad(x: Ref, pads: Sequence[int], axes: Sequence[int] | None, mode: str, value: float) -> Expr:
    rank = x.type.rank
    along = range(rank) if axes is None else [normal_axis(axis, rank) for axis in axes]
    full = [0] * (2 * rank)
    if len(pads) != 2 * len(along):
        raise ShapeError(f"pads {tuple(pads)} must have two entries for each of {len(along)} axes")
    for position, axis in enumerate(along):
        full[axis], full[axis + rank] = pads[position], pads[position + len(along)]
    return Pad(tuple(full), mode, value)(x) if any(full) else x


@onnx_rule("Pad")
def import_pad_attributes(x: Ref, *, pads: Sequence[int], mode: str = "constant", value: float = 0.0) -> Expr:
    """Pad before opset 11: everything is an attribute."""
    return _pad(x, pads, None, mode, value)


@onnx_rule("Pad", since=11)
def import_pad(
    x: Ref, pads: Ref, border: Ref | None = None, axes: Ref | None = None, *, mode: str = "constant", label: str = ""
) -> Expr:
    """Pad from opset 11: pads, the border's value and (from opset 18) the axes are inputs, the axes constant."""
    along = None if axes is None else constant_ints(axes, "axes")
    value, computed = 0.0, () if border is None or mode != "constant" else (border,)
    if border is not None and computed and is_plain(border):
        value, computed = float(constant_value(border, "constant_value").reshape(())), ()
    if is_plain(pads) and not computed:
        return _pad(x, constant_ints(pads, "pads"), along, mode, value)
    places = range(x.type.rank) if along is None else [normal_axis(axis, x.type.rank) for axis in along]
    return PadBy(tuple(places), mode, label, value)(x, pads, *computed)
