"""Slice: every step-th element from start to end, along some axes; Python's rules for negative numbers."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import ClassVar

from edgeconv.core import Array, Dim, Kernel, TensorType
from edgeconv.dims import compare, counted, unknown
from edgeconv.ops.axes import check_axis, constant_ints, normal_axis, sizes_of
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError, expr_type
from edgeconv.ops.jobs import cast
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["EVERYTHING", "Slice", "SliceAt"]

EVERYTHING = 2**31 - 1
"""An end at or beyond this means the end of the dimension, whatever its size."""


@dataclass(frozen=True)
class Slice(Operator):
    """x[start:end:step] along each of `axes`."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    axes: tuple[int, ...]
    steps: tuple[int, ...]

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (_sliced(x, self.starts, self.ends, self.axes, self.steps),)

    def run(self, x: Array) -> Array:
        return _cut(x, self.starts, self.ends, self.axes, self.steps)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return cast(outputs[0].array, self.run(inputs[0].array))


@dataclass(frozen=True)
class SliceAt(Operator):
    """Slice whose starts and ends, two vectors of int64, follow from shapes, or from data (with a `label`)."""

    axes: tuple[int, ...]
    steps: tuple[int, ...]
    label: str = ""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"

    def infer(self, x: TensorType, starts: TensorType, ends: TensorType) -> tuple[TensorType, ...]:
        bounds = sizes_of(starts, self.label), sizes_of(ends, self.label)
        cut = _sliced(x, *bounds, self.axes, self.steps)
        if starts.value is not None and ends.value is not None:
            return (cut,)
        places = {axis: counted(f"{self.label}.{axis}") for axis in self.axes}
        return (x.with_shape(tuple(places.get(axis, dim) for axis, dim in enumerate(x.shape))),)

    def run(self, x: Array, starts: Array, ends: Array) -> Array:
        if object in (starts.dtype, ends.dtype):
            raise ValueError("the bounds are not known yet")
        return _cut(x, starts.reshape(-1).tolist(), ends.reshape(-1).tolist(), self.axes, self.steps)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return cast(outputs[0].array, self.run(*(inputs[place].array for place in range(3))))


def _sliced(
    x: TensorType, starts: Sequence[Dim], ends: Sequence[Dim], axes: Sequence[int], steps: Sequence[int]
) -> TensorType:
    if not len(starts) == len(ends) == len(steps) == len(axes) == len(set(axes)):
        raise ShapeError(f"axes {axes} must each be there once, with a start, an end and a step")
    shape = list(x.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        check_axis(axis, x.rank)
        if step == 0:
            raise ShapeError(f"the step along axis {axis} is 0")
        shape[axis] = _length(x.shape[axis], start, end, step)
    return x.with_shape(tuple(shape))


def _cut(x: Array, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]) -> Array:
    index: list[slice | EllipsisType] = [*[slice(None)] * x.ndim, ...]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def _length(dim: Dim, start: Dim, end: Dim, step: int) -> Dim:
    """The elements from start to end; a dimension with a name of its own where that depends on what is not known."""
    if isinstance(dim, int) and isinstance(start, int) and isinstance(end, int):
        return len(range(*slice(start, end, step).indices(dim)))
    if start == -1 and isinstance(end, int) and end <= -EVERYTHING and step == -1:
        return dim
    begin, stop = _place(start, dim), _place(end, dim)
    if step < 0 or begin is None or stop is None or compare(stop - begin + 1, 0) != 1:
        return unknown(f"[{start}:{end}:{step}] of {dim}")
    return (stop - begin + step - 1) // step


def _place(bound: Dim, dim: Dim) -> Dim | None:
    """A bound as a position from the front, None where it may lie outside."""
    if isinstance(bound, int) and bound >= EVERYTHING:
        return dim
    if not isinstance(bound, int):
        return bound  # what a model computes from shapes lies inside
    place = dim + bound if bound < 0 else bound
    is_inside = compare(place + 1, 0) == 1 and compare(dim - place + 1, 0) == 1
    return place if is_inside else None


@onnx_rule("Slice")
def import_slice_attributes(x: Ref, *, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int] = ()) -> Expr:
    """Slice before opset 10: everything is an attribute."""
    cut = _slice(x, starts, ends, tuple(axes) or range(len(starts)), (1,) * len(starts))
    assert cut is not None
    return cut


@onnx_rule("Slice", since=10)
def import_slice(
    x: Ref, starts: Ref, ends: Ref, axes: Ref | None = None, steps: Ref | None = None, *, label: str = ""
) -> Expr:
    """Slice from opset 10; starts and ends may be known at run time only, the rest is constant."""
    bounds = [_counted(ref, 1 if axes is None else axes.type.size) for ref in (starts, ends)]
    begin, end = (sizes_of(expr_type(bound), label) for bound in bounds)
    along = range(len(begin)) if axes is None else constant_ints(axes, "axes")
    stride = (1,) * len(begin) if steps is None else constant_ints(steps, "steps")
    places = tuple(normal_axis(axis, x.type.rank) for axis in along)
    if starts.value is None or ends.value is None:
        return SliceAt(places, tuple(stride), label)(x, *bounds)
    cut = _slice(x, begin, end, along, stride)
    return SliceAt(places, tuple(stride))(x, starts, ends) if cut is None else cut


def _counted(bound: Ref, count: int) -> Expr:
    """A vector of bounds, of `count` where only data tells how many there are (a slice of one, as TensorFlow cuts)."""
    from edgeconv.ops.reshape import Reshape  # while converting only: a device that slices need not load it

    return bound if bound.type.is_static else Reshape((count,))(bound)


def _slice(
    x: Ref, starts: Sequence[Dim], ends: Sequence[Dim], axes: Sequence[int], steps: Sequence[int]
) -> Expr | None:
    """The Slice without the axes that are taken whole, x itself where all are; None for bounds that are not fixed."""
    kept: list[tuple[int, int, int, int]] = []
    for begin, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = normal_axis(axis, x.type.rank)
        dim = x.type.shape[place]
        start, last = _fixed(begin, dim, 0), _fixed(end, dim, EVERYTHING)
        if start is None or last is None:
            return None
        if step == 1 and start == 0 and (last == EVERYTHING or (isinstance(dim, int) and last >= dim)):
            continue
        kept.append((start, last, place, step))
    if not kept:
        return x
    first, final, along, stride = zip(*kept, strict=True)
    return Slice(first, final, along, stride)(x)


def _fixed(bound: Dim, dim: Dim, at_end: int) -> int | None:
    """A bound as a number that holds for every size of the dimension, clamped to what a file needs to hold."""
    if isinstance(bound, int):
        return min(max(bound, -EVERYTHING), EVERYTHING)
    if bound == dim and at_end:
        return EVERYTHING
    before = bound - dim
    return before if isinstance(before, int) and before < 0 else None
