"""NonZero and Compress: what is picked is known once the data is there."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.dims import counted
from edgeconv.ops.axes import check_axis, is_plain, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.gather import Gather
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reshape import Reshape
from edgeconv.records import dataclass

__all__ = ["Compress", "NonZero"]


@dataclass(frozen=True)
class NonZero(Operator):
    """The places of what is not zero, int64 (rank, count), in the order of the elements. `label` names the count."""

    label: str

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (TensorType("int64", (x.rank, _count(x, self.label))),)

    def run(self, x: Array) -> Array:
        if x.dtype == object:
            raise ValueError("the values are not known yet")
        if x.ndim == 0:
            return np.zeros((0, int(x != 0)), np.int64)
        return np.array(np.nonzero(x), np.int64)


@dataclass(frozen=True)
class Compress(Operator):
    """The slices of x along `axis` for which the condition, a row of bool, holds; it may be shorter than the axis."""

    axis: int
    label: str

    def infer(self, x: TensorType, condition: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        dim = x.shape[self.axis]
        if condition.dtype != "bool" or condition.rank != 1:
            raise ShapeError(f"needs a row of truth values, found {condition}")
        if isinstance(dim, int) and condition.is_static and condition.size > dim:
            raise ShapeError(f"has {condition.size} truth values for the {dim} slices of {x}")
        return (x.with_shape((*x.shape[: self.axis], _count(condition, self.label), *x.shape[self.axis + 1 :])),)

    def run(self, x: Array, condition: Array) -> Array:
        return np.compress(condition, x, self.axis)


def _count(x: TensorType, label: str) -> Dim:
    """How many elements are not zero."""
    if x.value is None or x.value.dtype == object:
        return counted(label)
    return int(np.count_nonzero(x.value))


@onnx_rule("NonZero", since=9)
def import_non_zero(x: Ref, *, label: str) -> Expr:
    """The places of what is not zero."""
    return NonZero(label)(x)


@onnx_rule("Compress", since=9)
def import_compress(x: Ref, condition: Ref, *, axis: int | None = None, label: str) -> Expr:
    """The slices that a condition names; without an axis, the elements of x as one row."""
    rows: Expr = x if axis is not None else Reshape((-1,))(x)
    along = 0 if axis is None else normal_axis(axis, x.type.rank)
    if is_plain(condition) and condition.value is not None:
        return Gather(along)(rows, np.flatnonzero(condition.value))
    return Compress(along, label)(rows, condition)
