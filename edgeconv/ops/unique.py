"""Unique: the different elements of a tensor, or its different slices along an axis."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.dims import counted
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reshape import Reshape
from edgeconv.records import dataclass

__all__ = ["Unique"]


@dataclass(frozen=True)
class Unique(Operator):
    """Four outputs: the different slices along `axis`; of each, where it first is; of each slice of x, which one it is;
    and how many of each there are.

    Sorted, or in the order in which they first come. `label` names their number.
    """

    axis: int
    label: str
    is_sorted: bool = True

    measures: ClassVar[bool] = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if x.value is not None and x.value.dtype != object:
            count, slices = len(self.run(x.value)[1]), x.shape[self.axis]
            dims = [count, count, slices, count]
        else:
            new = counted(self.label)
            dims = [new, new, x.shape[self.axis], new]
        first = x.with_shape((*x.shape[: self.axis], dims[0], *x.shape[self.axis + 1 :]))
        return (first, *(TensorType("int64", (dim,)) for dim in dims[1:]))

    def run(self, x: Array) -> tuple[Array, ...]:
        if x.dtype == object:
            raise ValueError("the values are not known yet")
        if not x.size:
            nothing = np.zeros(0, np.int64)
            return np.take(x, nothing, self.axis), nothing, nothing, nothing
        slices = None if x.ndim == 1 else self.axis
        values, first, inverse, counts = np.unique(x, True, True, True, slices)
        order = np.arange(len(first)) if self.is_sorted else np.argsort(first, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        found = np.take(values, order, self.axis), first[order], place[inverse.reshape(-1)], counts[order]
        return (found[0], *(each.astype(np.int64) for each in found[1:]))


@onnx_rule("Unique", since=11)
def import_unique(
    x: Ref, *, axis: int | None = None, sorted: int = 1, outputs: int = 1, label: str
) -> tuple[Expr | None, ...]:
    """The different elements or slices; without an axis, of all elements as one row."""
    rows: Expr = x if axis is not None else Reshape((-1,))(x)
    along = 0 if axis is None else normal_axis(axis, x.type.rank)
    call = Unique(along, label, bool(sorted))(rows)
    return tuple(call[place] for place in range(outputs))
