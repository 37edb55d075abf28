"""Expand, Fill, Tile: tensors repeated to a larger shape, which may depend on the shape of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import DTYPES, Array, Kernel, Shape, SymbolicDim, TensorType
from edgeconv.ops.axes import constant_ints, known_value
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.pad import check_value
from edgeconv.records import dataclass

__all__ = ["Expand", "Fill", "Tile", "dims_of"]


class Expand(Operator):
    """x broadcast to the common shape of its own and the one given as int64."""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType, shape: TensorType) -> tuple[TensorType, ...]:
        return (x.with_shape(broadcast_shapes(x.shape, dims_of(shape))),)

    def run(self, x: Array, shape: Array) -> Array:
        if shape.dtype == object:
            raise ValueError("the shape is not known yet")
        return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist())))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array

        def kernel() -> None:
            np.copyto(y, x)

        return kernel


@dataclass(frozen=True)
class Fill(Operator):
    """One value in a shape given as int64."""

    value: float
    dtype: str = "float32"

    def infer(self, shape: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in DTYPES:
            raise ShapeError(f"{self.dtype!r} is no dtype; there are {', '.join(DTYPES)}")
        found = TensorType(self.dtype, dims_of(shape))
        check_value(self.value, found)
        return (found,)

    def run(self, shape: Array) -> Array:
        if shape.dtype == object:
            raise ValueError("the shape is not known yet")
        return np.full(tuple(shape.tolist()), self.value, self.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        y, value = outputs[0].array, self.value

        def kernel() -> None:
            y.fill(value)

        return kernel


@dataclass(frozen=True)
class Tile(Operator):
    """x repeated along each axis, as often as `repeats` says."""

    repeats: tuple[int, ...]

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if len(self.repeats) != x.rank or min(self.repeats, default=0) < 0:
            raise ShapeError(f"repeats {self.repeats} must be {x.rank} numbers, none negative")
        return (x.with_shape(tuple(dim * times for dim, times in zip(x.shape, self.repeats, strict=True))),)

    def run(self, x: Array) -> Array:
        return np.tile(x, self.repeats)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x = inputs[0].array
        apart = [n for pair in zip(self.repeats, x.shape, strict=True) for n in pair]
        y = outputs[0].array.reshape(apart)
        source = x.reshape([n for dim in x.shape for n in (1, dim)])

        def kernel() -> None:
            np.copyto(y, source)

        return kernel


def dims_of(shape: TensorType) -> Shape:
    """The dimensions that a tensor holds; ShapeError where they are computed from data at run time."""
    if shape.dtype not in ("int32", "int64"):
        raise ShapeError(f"a shape is a vector of integers, found {shape}")
    if shape.value is None or shape.rank != 1:
        raise ShapeError(f"the shape {shape} is computed from data at run time; edgeconv plans memory beforehand")
    dims = [dim if isinstance(dim, SymbolicDim) else int(dim) for dim in shape.value.tolist()]
    if any(isinstance(dim, int) and dim < 0 for dim in dims):
        raise ShapeError(f"shape {dims} has a negative dimension")
    return tuple(dims)


@onnx_rule("Expand", since=8)
def import_expand(x: Ref, shape: Ref) -> Expr:
    """Broadcast to a shape."""
    known_value(shape, "shape")
    return x if broadcast_shapes(x.type.shape, dims_of(shape.type)) == x.type.shape else Expand()(x, shape)


@onnx_rule("ConstantOfShape", since=9)
def import_constant_of_shape(shape: Ref, *, value: Array | None = None) -> Expr:
    """A tensor full of one value."""
    known_value(shape, "input")
    item = np.zeros(1, np.float32) if value is None else value.reshape(-1)[:1]
    return Fill(float(item[0]), item.dtype.name)(shape)


@onnx_rule("Tile", since=6)
def import_tile(x: Ref, repeats: Ref) -> Expr:
    """Repetition; an unknown number of times only along a dimension of 1."""
    if known_value(repeats, "repeats").dtype != object:
        return Tile(constant_ints(repeats, "repeats"))(x)
    times = dims_of(repeats.type)
    if len(times) != x.type.rank or any(1 not in pair for pair in zip(times, x.type.shape, strict=True)):
        raise Unsupported(f"it repeats {x.type} as often as {times} says, which is only known at run time")
    return Expand()(x, repeats)
