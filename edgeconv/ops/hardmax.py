"""Hardmax: 1 at the first maximum along an axis, 0 elsewhere."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.binary import check_kind
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.records import dataclass

__all__ = ["Hardmax"]


@dataclass(frozen=True)
class Hardmax(Operator):
    """One-hot vectors of the dtype of x along `axis`."""

    axis: int = -1

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_kind(x, "f")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        y = np.zeros_like(x)
        if x.size:
            np.put_along_axis(y, np.expand_dims(x.argmax(self.axis), self.axis), 1, self.axis)
        return y


@onnx_rule("Hardmax")
def import_hardmax_flattened(x: Ref, *, axis: int = 1) -> Expr:
    """Hardmax before opset 13: over all dimensions from `axis` on."""
    shape, axis = x.type.shape, normal_axis(axis, x.type.rank)
    flat = (prod(shape[:axis]), prod(shape[axis:]))
    return reshape_to(Hardmax(1)(reshape_to(x, shape, flat)), flat, shape)


@onnx_rule("Hardmax", since=13)
def import_hardmax(x: Ref, *, axis: int = -1) -> Expr:
    """Hardmax along one axis."""
    return Hardmax(normal_axis(axis, x.type.rank))(x)
