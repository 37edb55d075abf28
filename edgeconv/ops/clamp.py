"""Clamp: min(max(x, low), high). Relu, Relu6 and Clip with constant bounds are all this one operator."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isinf, isnan
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import TABLE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Clamp"]


@dataclass(frozen=True)
class Clamp(Operator):
    """Bounds on every element, infinite where there is none."""

    low: float = -inf
    high: float = inf

    quant: ClassVar[QuantRule | None] = TABLE

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.dtype == "bool" or isnan(self.low) or isnan(self.high):
            raise ShapeError(f"{x} cannot be bounded by {self.low} and {self.high}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        low, high = _bounds_for(x.dtype, self.low, self.high)
        return np.clip(x, low, high)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        low, high = _bounds_for(x.dtype, self.low, self.high)

        def kernel() -> None:
            np.clip(x, low, high, out=y)

        return kernel


def _bounds_for(dtype: np.dtype, low: float, high: float) -> tuple[Array, Array]:
    """The bounds in the tensor's own dtype; an infinite bound of an integer is its limit."""
    if dtype.kind == "f":
        return np.asarray(low, dtype), np.asarray(high, dtype)
    limits = np.iinfo(dtype)
    inside = [min(max(bound, limits.min), limits.max) for bound in (low, high)]
    return np.asarray(inside[0], dtype), np.asarray(inside[1], dtype)


@onnx_rule("Relu")
def import_relu(x: Ref) -> Expr:
    """max(x, 0)."""
    return Clamp(low=0.0)(x)


@onnx_rule("Clip")
def import_clip_attributes(x: Ref, *, min: float = -inf, max: float = inf) -> Expr:
    """Clip before opset 11: the bounds are attributes."""
    return Clamp(min, max)(x)


@onnx_rule("Clip", since=11)
def import_clip(x: Ref, low: Ref | None = None, high: Ref | None = None) -> Expr:
    """Clip from opset 11: the bounds are inputs. Those that are computed, or of dimensions, become Max and Min."""
    from edgeconv.ops.add import Max, Min  # whose own module needs Clamp

    is_shape = x.value is not None and _is_open(x)
    y: Expr = x
    last: Ref | None = None
    if low is not None and (is_shape or _is_open(low)):
        y, low = Max()(y, low), None
    if high is not None and (is_shape or _is_open(high)):
        last, high = high, None
    bounds = [
        default if ref is None or ref.value is None else float(ref.value.reshape(()))
        for ref, default in ((low, -inf), (high, inf))
    ]
    if not all(isinf(bound) for bound in bounds) or (y is x and last is None):
        y = Clamp(*bounds)(y)
    return y if last is None else Min()(y, last)


def _is_open(ref: Ref) -> bool:
    """Is the value not known before the model runs?"""
    return ref.value is None or ref.value.dtype == object
