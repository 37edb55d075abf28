"""Pow and Mod: in float and integer arithmetic; a table in int8 where one input is a constant scalar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch
from edgeconv.ops.binary import Binary, check_kind
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Mod", "Pow"]


@dataclass(frozen=True)
class Pow(Operator):
    """x to the power of the exponent, in the dtype of x; the exponent may have another dtype."""

    quant: ClassVar[QuantRule | None] = QuantRule(table=True)
    elementwise: ClassVar[bool] = True

    def infer(self, x: TensorType, exponent: TensorType) -> tuple[TensorType, ...]:
        check_kind(x, "fiu")
        check_kind(exponent, "fiu")
        return (TensorType(x.dtype, broadcast_shapes(x.shape, exponent.shape)),)

    def run(self, x: Array, exponent: Array) -> Array:
        has_fractions = x.dtype.kind in "iu" and exponent.dtype.kind == "i" and bool((exponent < 0).any())
        with np.errstate(all="ignore"):
            result: Array = np.power(x.astype(np.float64) if has_fractions else x, exponent)
            return result.astype(x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, exponent, y = inputs[0], inputs[1], outputs[0].array
        constant = exponent.array.item() if exponent.is_constant and exponent.array.size == 1 else None
        if y.dtype != np.float32 or constant not in (2, 3) or x.array.shape != y.shape:
            return super().plan(inputs, outputs, scratch)
        source = x.array

        def kernel() -> None:
            np.multiply(source, source, out=y)
            if constant == 3:
                np.multiply(y, source, out=y)

        return kernel


@dataclass(frozen=True)
class Mod(Binary):
    """The remainder of a / b: with the sign of b, or of a where `fmod` is set."""

    fmod: bool = False

    quant: ClassVar[QuantRule | None] = QuantRule(table=True)

    def run(self, a: Array, b: Array) -> Array:
        with np.errstate(all="ignore"):
            result: Array = np.fmod(a, b) if self.fmod else np.mod(a, b)
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return Operator.plan(self, inputs, outputs, scratch)


@onnx_rule("Pow")
def import_pow(x: Ref, exponent: Ref) -> Expr:
    """Power with broadcasting (opset 7 and newer)."""
    if exponent.value is not None and exponent.value.dtype != object and x.type.is_float:
        return Pow()(x, exponent.value.astype(x.type.dtype))
    return Pow()(x, exponent)


@onnx_rule("Mod", since=10)
def import_mod(a: Ref, b: Ref, *, fmod: int = 0) -> Expr:
    """Remainder with broadcasting."""
    return Mod(bool(fmod))(a, b)
