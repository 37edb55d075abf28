"""Sigmoid and its kin: Silu (Swish), HardSigmoid, HardSwish."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Expr, Inputs, Operand, Ref, Scratch
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["HardSigmoid", "HardSwish", "Sigmoid", "Silu"]


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    def run(self, x: Array) -> Array:
        return _sigmoid(x)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return _plan_sigmoid(inputs[0].array, outputs[0].array, 1.0)


@dataclass(frozen=True)
class Silu(Elementwise):
    """x * sigmoid(alpha * x)."""

    alpha: float = 1.0

    def run(self, x: Array) -> Array:
        return x * _sigmoid(self.alpha * x)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        fill = _plan_sigmoid(x, y, self.alpha)

        def kernel() -> None:
            fill()
            np.multiply(y, x, out=y)

        return kernel


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """alpha * x + beta between 0 and 1."""

    alpha: float = 0.2
    beta: float = 0.5

    def run(self, x: Array) -> Array:
        return np.clip(self.alpha * x + self.beta, 0, 1)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return _plan_hard_sigmoid(inputs[0].array, outputs[0].array, self.alpha, self.beta)


class HardSwish(Elementwise):
    """x * max(0, min(1, x / 6 + 1 / 2))."""

    def run(self, x: Array) -> Array:
        return x * np.clip(x / 6 + 0.5, 0, 1)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        fill = _plan_hard_sigmoid(x, y, 1 / 6, 0.5)

        def kernel() -> None:
            fill()
            np.multiply(y, x, out=y)

        return kernel


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        result: Array = 1 / (1 + np.exp(-x))
    return result


def _plan_sigmoid(x: Array, y: Array, alpha: float) -> Kernel:
    """A kernel: y = sigmoid(alpha * x)."""

    def kernel() -> None:
        np.multiply(x, -alpha, out=y)
        with np.errstate(over="ignore"):
            np.exp(y, out=y)
        np.add(y, 1, out=y)
        np.reciprocal(y, out=y)

    return kernel


def _plan_hard_sigmoid(x: Array, y: Array, alpha: float, beta: float) -> Kernel:
    """A kernel: y = alpha * x + beta between 0 and 1."""

    def kernel() -> None:
        np.multiply(x, alpha, out=y)
        np.add(y, beta, out=y)
        np.clip(y, 0, 1, out=y)

    return kernel


@onnx_rule("Sigmoid")
def import_sigmoid(x: Ref) -> Expr:
    """The logistic function."""
    return Sigmoid()(x)


@onnx_rule("Swish", since=24)
def import_swish(x: Ref, *, alpha: float = 1.0) -> Expr:
    """x times the sigmoid of alpha * x."""
    return Silu(alpha)(x)


@onnx_rule("QuickGelu", domain="com.microsoft")
def import_quick_gelu(x: Ref, *, alpha: float = 1.702) -> Expr:
    """ONNX Runtime's Gelu by a sigmoid."""
    return Silu(alpha)(x)


@onnx_rule("HardSigmoid")
def import_hard_sigmoid(x: Ref, *, alpha: float = 0.2, beta: float = 0.5) -> Expr:
    """A sigmoid of three straight lines."""
    return HardSigmoid(alpha, beta)(x)


@onnx_rule("HardSwish", since=14)
def import_hard_swish(x: Ref) -> Expr:
    """x times the HardSigmoid with slope 1 / 6."""
    return HardSwish()(x)
