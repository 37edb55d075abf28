"""Functions of one input, element by element: float arithmetic, or a 256-entry table once quantized.

Here: the base class, and the operators that are one NumPy function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import TABLE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch
from edgeconv.ops.binary import check_kind
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = [
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Ceil",
    "Cos",
    "Cosh",
    "Elementwise",
    "Exp",
    "Floor",
    "Function",
    "Log",
    "Neg",
    "Reciprocal",
    "Round",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Tan",
    "Tanh",
]


@dataclass(frozen=True)
class Elementwise(Operator):
    """y[i] = f(x[i]), of the input's dtype, which may be any of `kinds`."""

    quant: ClassVar[QuantRule | None] = TABLE
    elementwise: ClassVar[bool] = True
    kinds: ClassVar[str] = "f"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_kind(x, self.kinds)
        return (x.with_shape(x.shape),)


@dataclass(frozen=True)
class Function(Elementwise):
    """An elementwise operator without attributes that is one NumPy function."""

    ufunc: ClassVar[np.ufunc]

    def run(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            result: Array = self.ufunc(x)
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y, ufunc = inputs[0].array, outputs[0].array, self.ufunc

        def kernel() -> None:
            with np.errstate(all="ignore"):
                ufunc(x, out=y)

        return kernel


class Abs(Function):
    """The magnitude."""

    ufunc: ClassVar[np.ufunc] = np.absolute
    kinds: ClassVar[str] = "fiu"


class Acos(Function):
    """Arc cosine; NaN outside [-1, 1]."""

    ufunc: ClassVar[np.ufunc] = np.arccos


class Acosh(Function):
    """Inverse hyperbolic cosine; NaN below 1."""

    ufunc: ClassVar[np.ufunc] = np.arccosh


class Asin(Function):
    """Arc sine; NaN outside [-1, 1]."""

    ufunc: ClassVar[np.ufunc] = np.arcsin


class Asinh(Function):
    """Inverse hyperbolic sine."""

    ufunc: ClassVar[np.ufunc] = np.arcsinh


class Atan(Function):
    """Arc tangent."""

    ufunc: ClassVar[np.ufunc] = np.arctan


class Atanh(Function):
    """Inverse hyperbolic tangent."""

    ufunc: ClassVar[np.ufunc] = np.arctanh


class Ceil(Function):
    """The integer not below."""

    ufunc: ClassVar[np.ufunc] = np.ceil


class Cos(Function):
    """Cosine of radians."""

    ufunc: ClassVar[np.ufunc] = np.cos


class Cosh(Function):
    """Hyperbolic cosine."""

    ufunc: ClassVar[np.ufunc] = np.cosh


class Exp(Function):
    """e to the power of x."""

    ufunc: ClassVar[np.ufunc] = np.exp


class Floor(Function):
    """The integer not above."""

    ufunc: ClassVar[np.ufunc] = np.floor


class Log(Function):
    """Natural logarithm."""

    ufunc: ClassVar[np.ufunc] = np.log


class Neg(Function):
    """-x."""

    ufunc: ClassVar[np.ufunc] = np.negative
    kinds: ClassVar[str] = "fi"


class Reciprocal(Function):
    """1 / x."""

    ufunc: ClassVar[np.ufunc] = np.reciprocal


class Round(Function):
    """The nearest integer, halves to even."""

    ufunc: ClassVar[np.ufunc] = np.rint


class Sign(Function):
    """-1, 0 or 1."""

    ufunc: ClassVar[np.ufunc] = np.sign
    kinds: ClassVar[str] = "fiu"


class Sin(Function):
    """Sine of radians."""

    ufunc: ClassVar[np.ufunc] = np.sin


class Sinh(Function):
    """Hyperbolic sine."""

    ufunc: ClassVar[np.ufunc] = np.sinh


class Sqrt(Function):
    """Square root; NaN of a negative number."""

    ufunc: ClassVar[np.ufunc] = np.sqrt


class Tan(Function):
    """Tangent of radians."""

    ufunc: ClassVar[np.ufunc] = np.tan


class Tanh(Function):
    """Hyperbolic tangent."""

    ufunc: ClassVar[np.ufunc] = np.tanh


def _register(op: type[Elementwise]) -> None:
    @onnx_rule(op.__name__)
    def import_function(x: Ref) -> Expr:
        """The same function in ONNX."""
        return op()(x)


_FUNCTIONS = (
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Cos,
    Cosh,
    Exp,
    Floor,
    Log,
    Neg,
    Reciprocal,
    Round,
    Sign,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)

for _op in _FUNCTIONS:
    _register(_op)
