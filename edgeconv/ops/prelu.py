"""PRelu: x where positive, slope * x elsewhere; the slope broadcasts to the shape of x.

int8: ((q - z > 0 part) + slope * (q - z < 0 part)) * float32(s_x / s_y), each step one IEEE operation; slope is float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.integer import multiplier, requantize_into, required, scalar
from edgeconv.ops.onnx_rules import onnx_rule

__all__ = ["PRelu"]


class PRelu(Operator):
    """A Relu with a learnt slope below 0."""

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    elementwise: ClassVar[bool] = True

    def infer(self, x: TensorType, slope: TensorType) -> tuple[TensorType, ...]:
        if x.dtype == "bool" or slope.dtype != ("float32" if x.dtype == "int8" else x.dtype):
            raise ShapeError(f"input {x} and slope {slope} must have the same dtype")
        if broadcast_shapes(x.shape, slope.shape) != x.shape:
            raise ShapeError(f"slope {slope} does not broadcast to the shape of {x}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array, slope: Array) -> Array:
        return np.where(x > 0, x, x * slope)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, slope, y = inputs[0].array, inputs[1].array, outputs[0].array
        if inputs[0].q is not None:
            return _plan_int8(inputs[0], slope, outputs[0], scratch)
        if y.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        positive = scratch(x.shape)

        def kernel() -> None:
            np.maximum(x, 0, out=positive)
            np.minimum(x, 0, out=y)
            np.multiply(y, slope, out=y)
            np.add(y, positive, out=y)

        return kernel


def _plan_int8(x: Operand, slope: Array, y: Operand, scratch: Scratch) -> Kernel:
    scale_x, zero_x = scalar(x.q)
    source, zero_point = x.array, np.float32(zero_x)
    positive, negative = scratch(source.shape), scratch(source.shape)
    q = required(y.q)
    requantize = requantize_into(negative, multiplier(np.array(scale_x), scalar(q)[0]), q, y.array)

    def kernel() -> None:
        np.subtract(source, zero_point, out=positive)
        np.minimum(positive, 0, out=negative)
        np.maximum(positive, 0, out=positive)
        np.multiply(negative, slope, out=negative)
        np.add(negative, positive, out=negative)
        requantize()

    return kernel


@onnx_rule("PRelu")
def import_prelu(x: Ref, slope: Ref) -> Expr:
    """PRelu; the slope broadcasts to x (opset 7 and newer)."""
    return PRelu()(x, slope)
