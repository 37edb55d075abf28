"""Erf, the error function, and Gelu, which is made of it.

`erf` follows W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
(1969), with the coefficients of his CALERF (netlib, SPECFUN): float64, relative error below 1e-15. Kernels in float32
use one quotient of polynomials instead, as in Eigen's `erf` for float: relative error below 5e-7.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, Inputs, Operand, Ref, Scratch, ShapeError
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Erf", "Gelu", "erf"]

# Highest power first. erf(x) = x * A(x^2) / B(x^2) up to 0.5; erfc(x) = exp(-x^2) * C(x) / D(x) up to 4;
# erfc(x) = exp(-x^2) / x * (1 / sqrt(pi) - P(x^-2) / Q(x^-2) / x^2) beyond.
_A = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_C = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
      8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3)  # fmt: skip
_D = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
      3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
      1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_Q = (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
      2.33520497626869185e-3)  # fmt: skip

# erf(x) = x * U(x^2) / V(x^2) for float32, x clamped to [-4, 4].
_U = (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
      -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)  # fmt: skip
_V = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
      -1.42647390514189e-02)  # fmt: skip


def erf(x: Array) -> Array:
    """The error function of every element, computed in float64."""
    y = np.abs(x, dtype=np.float64)
    near, far = np.minimum(y, 4), np.clip(y, 4, 27)  # beyond 27, exp(-x^2) is 0
    square, inverse = np.minimum(near, 0.5) ** 2, far**-2
    small = y * np.polyval(_A, square) / np.polyval(_B, square)
    middle = 1 - np.exp(-near * near) * np.polyval(_C, near) / np.polyval(_D, near)
    tail = inverse * np.polyval(_P, inverse) / np.polyval(_Q, inverse)
    large = 1 - np.exp(-far * far) / far * (1 / sqrt(pi) - tail)
    result: Array = np.copysign(np.where(y <= 0.5, small, np.where(y <= 4, middle, large)), x)
    return result


class Erf(Elementwise):
    """The error function."""

    def run(self, x: Array) -> Array:
        return erf(x).astype(x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        if x.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        return _plan_erf(x, y, 1.0, scratch)


@dataclass(frozen=True)
class Gelu(Elementwise):
    """x times the normal distribution function at x; "tanh" approximates it as ONNX says."""

    approximate: str = "none"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if self.approximate not in ("none", "tanh"):
            raise ShapeError(f"approximate is {self.approximate!r}, neither none nor tanh")
        return super().infer(x)

    def run(self, x: Array) -> Array:
        if self.approximate == "tanh":
            y = 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
        else:
            y = 0.5 * x * (1 + erf(x / sqrt(2)))
        return np.asarray(y, x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        if x.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        fill = _plan_tanh(x, y) if self.approximate == "tanh" else _plan_erf(x, y, sqrt(0.5), scratch)

        def kernel() -> None:
            fill()
            np.add(y, 1, out=y)
            np.multiply(y, x, out=y)
            np.multiply(y, 0.5, out=y)

        return kernel


def _plan_erf(x: Array, y: Array, factor: float, scratch: Scratch) -> Kernel:
    """A kernel: y = erf(factor * x) in float32."""
    clamped, square = scratch(x.shape), scratch(x.shape)

    def kernel() -> None:
        np.multiply(x, factor, out=clamped)
        np.clip(clamped, -4, 4, out=clamped)
        np.multiply(clamped, clamped, out=square)
        _polynomial(_U, square, y)
        np.multiply(y, clamped, out=y)
        _polynomial(_V, square, clamped)
        np.divide(y, clamped, out=y)

    return kernel


def _polynomial(coefficients: Sequence[float], x: Array, y: Array) -> None:
    """y = the polynomial at x, by Horner's rule in place."""
    np.multiply(x, coefficients[0], out=y)
    for coefficient in coefficients[1:-1]:
        np.add(y, coefficient, out=y)
        np.multiply(y, x, out=y)
    np.add(y, coefficients[-1], out=y)


def _plan_tanh(x: Array, y: Array) -> Kernel:
    """A kernel: y = tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in float32."""

    def kernel() -> None:
        np.multiply(x, x, out=y)
        np.multiply(y, 0.044715 * sqrt(2 / pi), out=y)
        np.add(y, sqrt(2 / pi), out=y)
        np.multiply(y, x, out=y)
        np.tanh(y, out=y)

    return kernel


@onnx_rule("Erf")
def import_erf(x: Ref) -> Expr:
    """The error function."""
    return Erf()(x)


@onnx_rule("Gelu", since=20)
def import_gelu(x: Ref, *, approximate: str = "none") -> Expr:
    """Gelu, exact or approximated by tanh."""
    return Gelu(approximate)(x)


@onnx_rule("Gelu", domain="com.microsoft")
def import_microsoft_gelu(x: Ref) -> Expr:
    """ONNX Runtime's exact Gelu."""
    return Gelu()(x)


@onnx_rule("FastGelu", domain="com.microsoft")
def import_fast_gelu(x: Ref, bias: Ref | None = None) -> Expr:
    """ONNX Runtime's Gelu by tanh, of x + bias."""
    return Gelu("tanh")(x if bias is None else Add()(x, bias))
