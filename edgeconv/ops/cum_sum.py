"""CumSum: running sums along an axis."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["CumSum"]


@dataclass(frozen=True)
class CumSum(Operator):
    """Element i is the sum of all up to i (without i itself where `exclusive`); from the end where `reverse`."""

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        source = np.moveaxis(np.flip(x, self.axis) if self.reverse else x, self.axis, 0)
        sums = np.cumsum(source, axis=0, dtype=x.dtype)
        if self.exclusive:
            sums = np.concatenate([np.zeros_like(sums[:1]), sums[:-1]])
        result = np.moveaxis(sums, 0, self.axis)
        return np.flip(result, self.axis) if self.reverse else result


@onnx_rule("CumSum")
def import_cum_sum(x: Ref, axis: Ref, *, exclusive: int = 0, reverse: int = 0) -> Expr:
    """CumSum along a constant axis."""
    return CumSum(normal_axis(constant_ints(axis, "axis")[0], x.type.rank), bool(exclusive), bool(reverse))(x)
