"""TopK: the k largest (or smallest) elements along an axis, in order, and where they are. Ties: lower index first."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, is_plain, normal_axis, sizes_of
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["TopK", "TopKOf"]


@dataclass(frozen=True)
class TopK(Operator):
    """Two outputs: values, and their int64 positions along `axis` (non-negative)."""

    axis: int
    k: int
    largest: bool = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        dim = x.shape[self.axis]
        if self.k < 0 or (isinstance(dim, int) and self.k > dim):
            raise ShapeError(f"k={self.k} elements are wanted of {dim} along axis {self.axis} of {x}")
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        return x.with_shape(shape), TensorType("int64", shape)

    def run(self, x: Array) -> tuple[Array, ...]:
        if self.largest:  # ascending order of the reversed axis, reversed: descending, ties by the lower index
            order = np.argsort(np.flip(x, self.axis), axis=self.axis, kind="stable")
            order = x.shape[self.axis] - 1 - np.flip(order, self.axis)
        else:
            order = np.argsort(x, axis=self.axis, kind="stable")
        chosen = np.take(order, np.arange(self.k), axis=self.axis).astype(np.int64)
        return np.take_along_axis(x, chosen, self.axis), chosen


@dataclass(frozen=True)
class TopKOf(Operator):
    """TopK whose k, a second input of one int64, is known at run time only; data may decide (with a `label`)."""

    axis: int
    largest: bool = True
    label: str = ""

    def infer(self, x: TensorType, k: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if k.is_static and k.size != 1:
            raise ShapeError(f"needs one number of elements, found {k}")
        (count,) = sizes_of(k, self.label)
        if isinstance(count, int):
            return TopK(self.axis, count, self.largest).infer(x)
        shape = (*x.shape[: self.axis], count, *x.shape[self.axis + 1 :])
        return x.with_shape(shape), TensorType("int64", shape)

    def run(self, x: Array, k: Array) -> tuple[Array, ...]:
        if k.dtype == object:
            raise ValueError("the number of elements is not known yet")
        return TopK(self.axis, int(k.reshape(())), self.largest).run(x)


@onnx_rule("TopK")
def import_top_k_attribute(x: Ref, *, k: int, axis: int = -1, outputs: int = 2) -> tuple[Expr | None, ...]:
    """TopK before opset 10: k is an attribute."""
    call = TopK(normal_axis(axis, x.type.rank), k)(x)
    return (call, call[1])[:outputs]


@onnx_rule("TopK", since=10)
def import_top_k(
    x: Ref, k: Ref, *, axis: int = -1, largest: int = 1, sorted: int = 1, outputs: int = 2, label: str = ""
) -> tuple[Expr | None, ...]:
    """TopK with k as an input; unsorted results may come in any order, so they come sorted."""
    along = normal_axis(axis, x.type.rank)
    if is_plain(k):
        call = TopK(along, constant_ints(k, "K")[0], bool(largest))(x)
    else:
        call = TopKOf(along, bool(largest), label)(x, k)
    return (call, call[1])[:outputs]
