"""Where: x where the condition holds, y elsewhere; all three broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.onnx_rules import onnx_rule

__all__ = ["Where"]


class Where(Operator):
    """A choice, element by element."""

    def infer(self, condition: TensorType, x: TensorType, y: TensorType) -> tuple[TensorType, ...]:
        if condition.dtype != "bool" or x.dtype != y.dtype:
            raise ShapeError(f"needs a bool condition and two inputs of one dtype, found {condition}, {x} and {y}")
        return (TensorType(x.dtype, broadcast_shapes(condition.shape, x.shape, y.shape)),)

    def run(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        condition, x, y, out = inputs[0].array, inputs[1].array, inputs[2].array, outputs[0].array

        def kernel() -> None:
            np.copyto(out, y)
            np.copyto(out, x, where=condition)

        return kernel


@onnx_rule("Where", since=9)
def import_where(condition: Ref, x: Ref, y: Ref) -> Expr:
    """A choice with broadcasting."""
    return Where()(condition, x, y)
