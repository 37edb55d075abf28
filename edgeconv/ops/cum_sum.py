"""CumSum and CumProd: running sums and products along an axis."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.binary import check_kind
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["CumProd", "CumSum"]


@dataclass(frozen=True)
class CumSum(Operator):
    """Element i is the sum of all up to i (without i itself where `exclusive`); from the end where `reverse`."""

    axis: int
    exclusive: bool = False
    reverse: bool = False

    ufunc: ClassVar[np.ufunc] = np.add

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_kind(x, "fiu")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        source = np.moveaxis(np.flip(x, self.axis) if self.reverse else x, self.axis, 0)
        results = self.ufunc.accumulate(source, axis=0, dtype=x.dtype)
        if self.exclusive:
            results = np.concatenate([np.full_like(results[:1], self.ufunc.identity), results[:-1]])
        result = np.moveaxis(results, 0, self.axis)
        return np.flip(result, self.axis) if self.reverse else result


class CumProd(CumSum):
    """As CumSum, with products."""

    ufunc: ClassVar[np.ufunc] = np.multiply


@onnx_rule("CumSum", since=11)
def import_cum_sum(x: Ref, axis: Ref, *, exclusive: int = 0, reverse: int = 0) -> Expr:
    """CumSum along a constant axis."""
    return CumSum(normal_axis(constant_ints(axis, "axis")[0], x.type.rank), bool(exclusive), bool(reverse))(x)


@onnx_rule("CumProd", since=26)
def import_cum_prod(x: Ref, axis: Ref, *, exclusive: int = 0, reverse: int = 0) -> Expr:
    """CumProd along a constant axis."""
    return CumProd(normal_axis(constant_ints(axis, "axis")[0], x.type.rank), bool(exclusive), bool(reverse))(x)
