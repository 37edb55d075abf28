"""Gather, GatherElements, GatherND: elements picked by index. Indices may be negative, counting from the back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, TensorType
from edgeconv.errors import DataError
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Gather", "GatherElements", "GatherND", "check_indices"]


@dataclass(frozen=True)
class Gather(Operator):
    """The slices of x along `axis` that the indices name; the shape of the indices takes the place of the axis."""

    axis: int = 0

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_indices(indices, x.shape[self.axis])
        return (x.with_shape((*x.shape[: self.axis], *indices.shape, *x.shape[self.axis + 1 :])),)

    def run(self, x: Array, indices: Array) -> Array:
        return np.take(x, indices, self.axis)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, indices, y, axis = inputs[0].array, inputs[1].array, outputs[0].array, self.axis
        size = x.shape[axis]
        is_known = inputs[1].is_constant

        def kernel() -> None:
            if not is_known:
                check_range(indices, size)
            np.take(x, indices, axis, out=y, mode="wrap")

        return kernel


@dataclass(frozen=True)
class GatherElements(Operator):
    """y[..., i, ...] = x[..., indices[..., i, ...], ...] along `axis`; y has the shape of the indices."""

    axis: int = 0

    quant: ClassVar[QuantRule | None] = MOVE

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_indices(indices, x.shape[self.axis])
        check_inside(indices, x, self.axis)
        return (x.with_shape(indices.shape),)

    def run(self, x: Array, indices: Array) -> Array:
        check_range(indices, x.shape[self.axis])
        grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
        grid[self.axis] = indices
        picked: Array = x[tuple(grid)]
        return picked


@dataclass(frozen=True)
class GatherND(Operator):
    """The slices of x that the last dimension of the indices addresses; leading `batch_dims` go in step."""

    batch_dims: int = 0

    quant: ClassVar[QuantRule | None] = MOVE

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        batch, depth = self.batch_dims, indices.shape[-1] if indices.rank else 0
        check_indices(indices, None)
        if not isinstance(depth, int) or not 1 <= depth <= x.rank - batch or not 0 <= batch < indices.rank:
            raise ShapeError(f"indices {indices} do not address {x} behind {batch} batch dimensions")
        if not fits(x.shape[:batch], indices.shape[:batch]):
            raise ShapeError(f"the {batch} batch dimensions of {x} and {indices} differ")
        if indices.value is not None:
            for position in range(depth):
                check_indices(TensorType("int64", (), value=indices.value[..., position]), x.shape[batch + position])
        return (x.with_shape((*indices.shape[:-1], *x.shape[batch + depth :])),)

    def run(self, x: Array, indices: Array) -> Array:
        batch, depth = self.batch_dims, indices.shape[-1]
        for position in range(depth):
            check_range(indices[..., position], x.shape[batch + position])
        lead = indices.ndim - 1
        grid = np.ogrid[tuple(slice(n) for n in indices.shape[:-1])][:batch] if lead else []
        picked: Array = x[(*grid, *np.moveaxis(indices, -1, 0))]
        return picked


def check_indices(indices: TensorType, size: Dim | None) -> None:
    """ShapeError unless `indices` are integers and, where they are known already, lie in a dimension of `size`."""
    if indices.dtype not in ("int32", "int64"):
        raise ShapeError(f"indices {indices} must be int32 or int64")
    value = indices.value
    if value is not None and value.size and value.dtype != object and isinstance(size, int):
        low, high = int(value.min()), int(value.max())
        if low < -size or high >= size:
            raise ShapeError(f"indices {low} to {high} lie outside a dimension of {size}")


def check_inside(indices: TensorType, x: TensorType, axis: int) -> None:
    """ShapeError unless `indices` have the rank of x and, `axis` apart, no larger dimension as far as that is known."""
    fits = indices.rank == x.rank and all(
        place == axis or not isinstance(have, int) or not isinstance(most, int) or have <= most
        for place, (have, most) in enumerate(zip(indices.shape, x.shape, strict=False))
    )
    if not fits:
        raise ShapeError(f"indices {indices} do not fit into {x}")


def check_range(indices: Array, size: int) -> None:
    """DataError unless all `indices`, computed at run time, lie in a dimension of `size`."""
    if indices.size and (indices.min() < -size or indices.max() >= size):
        raise DataError(f"indices {indices.min()} to {indices.max()} lie outside a dimension of {size}")


@onnx_rule("Gather")
def import_gather(x: Ref, indices: Ref, *, axis: int = 0) -> Expr:
    """Slices along an axis, by index."""
    return Gather(normal_axis(axis, x.type.rank))(x, indices)


@onnx_rule("GatherElements", since=11)
def import_gather_elements(x: Ref, indices: Ref, *, axis: int = 0) -> Expr:
    """Elements along an axis, by index."""
    return GatherElements(normal_axis(axis, x.type.rank))(x, indices)


@onnx_rule("GatherND", since=11)
@onnx_rule("GatherND", domain="com.microsoft")
def import_gather_nd(x: Ref, indices: Ref, *, batch_dims: int = 0) -> Expr:
    """Slices by tuples of indices."""
    return GatherND(batch_dims)(x, indices)
