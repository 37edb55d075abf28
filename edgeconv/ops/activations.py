"""Activation functions that are rare in small networks: in float as they are written down, in int8 a table each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Expr, Inputs, Operand, Ref, Scratch
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Elu", "LeakyRelu", "Mish", "Shrink", "Softplus", "Softsign", "ThresholdedRelu"]


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """x where positive, alpha * x elsewhere."""

    alpha: float = 0.01

    def run(self, x: Array) -> Array:
        return np.where(x < 0, x * x.dtype.type(self.alpha), x)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if not 0 <= self.alpha <= 1:
            return super().plan(inputs, outputs, scratch)
        x, y, alpha = inputs[0].array, outputs[0].array, self.alpha

        def kernel() -> None:
            np.multiply(x, alpha, out=y)
            np.maximum(x, y, out=y)

        return kernel


@dataclass(frozen=True)
class ThresholdedRelu(Elementwise):
    """x where above alpha, 0 elsewhere."""

    alpha: float = 1.0

    def run(self, x: Array) -> Array:
        return np.where(x > self.alpha, x, x.dtype.type(0))


@dataclass(frozen=True)
class Elu(Elementwise):
    """gamma * x where positive, gamma * alpha * (exp(x / scale) - 1) elsewhere: Elu, Selu and Celu are all this."""

    alpha: float = 1.0
    gamma: float = 1.0
    scale: float = 1.0

    def run(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            y = self.gamma * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.scale))
        return np.asarray(y, x.dtype)


class Softplus(Elementwise):
    """log(exp(x) + 1)."""

    def run(self, x: Array) -> Array:
        result: Array = np.logaddexp(x, x.dtype.type(0))
        return result


class Softsign(Elementwise):
    """x / (1 + |x|)."""

    def run(self, x: Array) -> Array:
        result: Array = x / (1 + np.abs(x))
        return result


class Mish(Elementwise):
    """x * tanh(softplus(x))."""

    def run(self, x: Array) -> Array:
        result: Array = x * np.tanh(np.logaddexp(x, x.dtype.type(0)))
        return result


@dataclass(frozen=True)
class Shrink(Elementwise):
    """x + bias below -lambd, x - bias above lambd, 0 between."""

    lambd: float = 0.5
    bias: float = 0.0
    kinds: ClassVar[str] = "fiu"

    def run(self, x: Array) -> Array:
        outside = np.where(x < -self.lambd, x + self.bias, np.where(x > self.lambd, x - self.bias, 0))
        return outside.astype(x.dtype)


@onnx_rule("LeakyRelu")
def import_leaky_relu(x: Ref, *, alpha: float = 0.01) -> Expr:
    """A Relu that lets a little of the negative through."""
    return LeakyRelu(alpha)(x)


@onnx_rule("ThresholdedRelu")
def import_thresholded_relu(x: Ref, *, alpha: float = 1.0) -> Expr:
    """A Relu that begins at alpha."""
    return ThresholdedRelu(alpha)(x)


@onnx_rule("Elu")
def import_elu(x: Ref, *, alpha: float = 1.0) -> Expr:
    """An exponential below 0, the identity above."""
    return Elu(alpha)(x)


@onnx_rule("Selu")
def import_selu(x: Ref, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Expr:
    """A scaled Elu."""
    return Elu(alpha, gamma)(x)


@onnx_rule("Celu", since=12)
def import_celu(x: Ref, *, alpha: float = 1.0) -> Expr:
    """An Elu that is smooth at 0 for every alpha."""
    return Elu(alpha, scale=alpha)(x)


@onnx_rule("Softplus")
def import_softplus(x: Ref) -> Expr:
    """A smooth Relu."""
    return Softplus()(x)


@onnx_rule("Softsign")
def import_softsign(x: Ref) -> Expr:
    """x / (1 + |x|)."""
    return Softsign()(x)


@onnx_rule("Mish", since=18)
def import_mish(x: Ref) -> Expr:
    """x times the tanh of its Softplus."""
    return Mish()(x)


@onnx_rule("Shrink", since=9)
def import_shrink(x: Ref, *, bias: float = 0.0, lambd: float = 0.5) -> Expr:
    """Zero near 0, moved by bias elsewhere."""
    return Shrink(lambd, bias)(x)
