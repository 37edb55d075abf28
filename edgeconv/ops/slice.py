"""Slice: every step-th element from start to end, along some axes; Python's rules for negative numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import EllipsisType
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, SymbolicDim, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, known_value, normal_axis
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["EVERYTHING", "Slice"]

EVERYTHING = 2**31 - 1
"""An end at or beyond this means the end of the dimension, whatever its size."""


@dataclass(frozen=True)
class Slice(Operator):
    """x[start:end:step] along each of `axes`. A dimension not known yet can only be taken whole, or turned round."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    axes: tuple[int, ...]
    steps: tuple[int, ...]

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not len(self.starts) == len(self.ends) == len(self.steps) == len(self.axes) == len(set(self.axes)):
            raise ShapeError(f"{self} must name every axis once, with its start, end and step")
        shape = list(x.shape)
        for start, end, axis, step in zip(self.starts, self.ends, self.axes, self.steps, strict=True):
            check_axis(axis, x.rank)
            if step == 0:
                raise ShapeError(f"the step along axis {axis} is 0")
            shape[axis] = _length(x.shape[axis], start, end, step)
        return (x.with_shape(tuple(shape)),)

    def run(self, x: Array) -> Array:
        index: list[slice | EllipsisType] = [*[slice(None)] * x.ndim, ...]
        for start, end, axis, step in zip(self.starts, self.ends, self.axes, self.steps, strict=True):
            index[axis] = slice(start, end, step)
        return x[tuple(index)]

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return partial(np.copyto, outputs[0].array, self.run(inputs[0].array))


def _length(dim: Dim, start: int, end: int, step: int) -> Dim:
    if isinstance(dim, int):
        return len(range(*slice(start, end, step).indices(dim)))
    if (start == 0 and end >= EVERYTHING and step == 1) or (start == -1 and end <= -EVERYTHING and step == -1):
        return dim
    raise ShapeError(f"[{start}:{end}:{step}] of a dimension {dim} that is not known yet; fix it with --input-shape")


@onnx_rule("Slice")
def import_slice_attributes(x: Ref, *, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int] = ()) -> Expr:
    """Slice before opset 10: everything is an attribute."""
    return _slice(x, starts, ends, tuple(axes) or range(len(starts)), (1,) * len(starts))


@onnx_rule("Slice", since=10)
def import_slice(x: Ref, starts: Ref, ends: Ref, axes: Ref | None = None, steps: Ref | None = None) -> Expr:
    """Slice from opset 10; starts and ends may be whole dimensions of input shapes, the rest is constant."""
    begin, end = _bounds(starts, "starts"), _bounds(ends, "ends")
    along = range(len(begin)) if axes is None else constant_ints(axes, "axes")
    return _slice(x, begin, end, along, (1,) * len(begin) if steps is None else constant_ints(steps, "steps"))


def _bounds(ref: Ref, name: str) -> list[Dim]:
    items = known_value(ref, name).reshape(-1).tolist()
    return [item if isinstance(item, SymbolicDim) else int(item) for item in items]


def _slice(x: Ref, starts: Sequence[Dim], ends: Sequence[Dim], axes: Sequence[int], steps: Sequence[int]) -> Expr:
    """The Slice without the axes that are taken whole; x itself where all are."""
    kept: list[tuple[int, int, int, int]] = []
    for begin, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = normal_axis(axis, x.type.rank)
        dim = x.type.shape[place]
        start, last = _fixed(begin, dim, 0), _fixed(end, dim, EVERYTHING)
        if step == 1 and start == 0 and (last == EVERYTHING or (isinstance(dim, int) and last >= dim)):
            continue
        kept.append((start, last, place, step))
    if not kept:
        return x
    first, final, along, stride = zip(*kept, strict=True)
    return Slice(first, final, along, stride)(x)


def _fixed(bound: Dim, dim: Dim, at_end: int) -> int:
    """A bound as a number that holds for every size of the dimension, clamped to what a file needs to hold."""
    if isinstance(bound, int):
        return min(max(bound, -EVERYTHING), EVERYTHING)
    if bound == dim and at_end:
        return EVERYTHING
    raise Unsupported(f"it cuts a dimension {dim} at {bound}, which is only known at run time; pass --input-shape")
