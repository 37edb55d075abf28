"""ArgMax and ArgMin: where along an axis the largest (smallest) element is, as int64. int8 needs no real values."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["ArgMax", "ArgMin"]


@dataclass(frozen=True)
class _ArgExtreme(Operator):
    """The position along `axis` (non-negative); of equal elements the first, or the last with `select_last`."""

    axis: int
    keep_dims: bool = True
    select_last: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if x.shape[self.axis] == 0:
            raise ShapeError(f"axis {self.axis} of {x} has no elements to choose from")
        kept: tuple[Dim, ...] = (1,) if self.keep_dims else ()
        return (TensorType("int64", (*x.shape[: self.axis], *kept, *x.shape[self.axis + 1 :])),)

    def run(self, x: Array) -> Array:
        found = self.find(np.flip(x, self.axis) if self.select_last else x)
        return np.asarray(x.shape[self.axis] - 1 - found if self.select_last else found, np.int64)

    def find(self, x: Array) -> Array:
        """The position of the first one."""
        raise NotImplementedError


class ArgMax(_ArgExtreme):
    """Where the largest element is."""

    def find(self, x: Array) -> Array:
        return np.asarray(np.argmax(x, self.axis, keepdims=self.keep_dims))


class ArgMin(_ArgExtreme):
    """Where the smallest element is."""

    def find(self, x: Array) -> Array:
        return np.asarray(np.argmin(x, self.axis, keepdims=self.keep_dims))


@onnx_rule("ArgMax")
def import_arg_max(x: Ref, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Expr:
    """ArgMax; `select_last_index` is known from opset 12 on."""
    return ArgMax(normal_axis(axis, x.type.rank), bool(keepdims), bool(select_last_index))(x)


@onnx_rule("ArgMin")
def import_arg_min(x: Ref, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Expr:
    """ArgMin; `select_last_index` is known from opset 12 on."""
    return ArgMin(normal_axis(axis, x.type.rank), bool(keepdims), bool(select_last_index))(x)
