"""Det: determinants."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule

__all__ = ["Det"]


class Det(Operator):
    """The determinant of each square matrix of x (..., M, M)."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 2 or x.shape[-1] != x.shape[-2] or not x.is_float:
            raise ShapeError(f"needs square matrices of real numbers, found {x}")
        return (x.with_shape(x.shape[:-2]),)

    def run(self, x: Array) -> Array:
        return np.asarray(np.linalg.det(x.astype(np.float64)), x.dtype)


@onnx_rule("Det", since=11)
def import_det(x: Ref) -> Expr:
    """Determinants of the last two dimensions."""
    return Det()(x)
