"""Expand, Fill, Tile: tensors repeated to a larger shape, which may depend on the shape of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import DTYPES, Array, Kernel, Shape, TensorType
from edgeconv.ops.axes import check_places, constant_ints, is_plain, sizes_of
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.pad import check_value
from edgeconv.records import dataclass

__all__ = ["Expand", "Fill", "Tile", "TileBy", "dims_of"]


@dataclass(frozen=True)
class Expand(Operator):
    """x broadcast to the common shape of its own and the one given as int64, which data may decide (with a `label`)."""

    label: str = ""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType, shape: TensorType) -> tuple[TensorType, ...]:
        return (x.with_shape(broadcast_shapes(x.shape, dims_of(shape, self.label))),)

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
    """One value in a shape given as int64, which data may decide (with a `label`)."""

    value: float
    dtype: str = "float32"
    label: str = ""

    def infer(self, shape: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in DTYPES:
            raise ShapeError(f"{self.dtype!r} is no dtype; there are {', '.join(DTYPES)}")
        found = TensorType(self.dtype, dims_of(shape, self.label))
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


@dataclass(frozen=True)
class TileBy(Operator):
    """Tile whose repeats, a vector of int64, are known at run time only; data may decide (with a `label`)."""

    label: str = ""

    quant: ClassVar[QuantRule | None] = MOVE

    def infer(self, x: TensorType, repeats: TensorType) -> tuple[TensorType, ...]:
        check_places(repeats, x.rank)
        times = sizes_of(repeats, self.label)
        if any(isinstance(each, int) and each < 0 for each in times):
            raise ShapeError(f"repeats {times} must not be negative")
        if repeats.value is None:
            return (x.with_shape(tuple(times)),)
        return (x.with_shape(tuple(dim * each for dim, each in zip(x.shape, times, strict=True))),)

    def run(self, x: Array, repeats: Array) -> Array:
        if repeats.dtype == object:
            raise ValueError("the repeats are not known yet")
        return np.tile(x, repeats.tolist())


def dims_of(shape: TensorType, label: str = "") -> Shape:
    """The dimensions that a tensor holds; where they are computed from data, such as only data tells, or ShapeError."""
    if shape.rank != 1:
        raise ShapeError(f"a shape is a vector of integers, found {shape}")
    dims = sizes_of(shape, label)
    if any(isinstance(dim, int) and dim < 0 for dim in dims):
        raise ShapeError(f"shape {dims} has a negative dimension")
    return tuple(dims)


@onnx_rule("Expand", since=8)
def import_expand(x: Ref, shape: Ref, *, label: str = "") -> Expr:
    """Broadcast to a shape."""
    if shape.value is None:
        return Expand(label)(x, shape)
    return x if broadcast_shapes(x.type.shape, dims_of(shape.type)) == x.type.shape else Expand()(x, shape)


@onnx_rule("ConstantOfShape", since=9)
def import_constant_of_shape(shape: Ref, *, value: Array | None = None, label: str = "") -> Expr:
    """A tensor full of one value."""
    item = np.zeros(1, np.float32) if value is None else value.reshape(-1)[:1]
    return Fill(float(item[0]), item.dtype.name, label if shape.value is None else "")(shape)


@onnx_rule("Tile", since=6)
def import_tile(x: Ref, repeats: Ref, *, label: str = "") -> Expr:
    """Repetition; the number of times may be known at run time only."""
    if is_plain(repeats):
        return Tile(constant_ints(repeats, "repeats"))(x)
    if repeats.value is not None:
        times = dims_of(repeats.type)
        if len(times) == x.type.rank and all(1 in pair for pair in zip(times, x.type.shape, strict=True)):
            return Expand()(x, repeats)
    return TileBy(label)(x, repeats)
