"""Mul and Div: a * b and a / b with broadcasting, optionally clamped; and Mean, which is made of them.

int8: (qa - za) * (qb - zb) is an exact integer, (qa - za) / (qb - zb) one IEEE division; then one float32 multiplier.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.add import total
from edgeconv.ops.base import Expr, Inputs, Operand, Ref, Scratch
from edgeconv.ops.binary import ClampedBinary, centred
from edgeconv.ops.integer import multiplier, scalar
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Div", "Mul"]


@dataclass(frozen=True)
class Mul(ClampedBinary):
    """a * b."""

    ufunc: ClassVar[np.ufunc] = np.multiply

    def real_jobs(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], scale: float, work: Array, scratch: Scratch
    ) -> list[Kernel]:
        factor = multiplier(np.array(scalar(a[0].q)[0] * scalar(b[0].q)[0]), scale)
        left, load_left = centred(*a, 1, scratch)
        right, load_right = centred(*b, 1, scratch)
        product = partial(np.multiply, left, right, work)
        return [*load_left, *load_right, product, partial(np.multiply, work, factor, work)]


@dataclass(frozen=True)
class Div(ClampedBinary):
    """a / b; integers are divided towards zero, dimensions of shapes downwards. int8: x / 0 saturates, 0 / 0 is 0."""

    ufunc: ClassVar[np.ufunc] = np.divide

    def combine(self, a: Array, b: Array) -> Array:
        with np.errstate(all="ignore"):
            result: Array = np.divide(a, b) if a.dtype.kind == "f" else _divide_integers(a, b)
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return _quietly(super().plan(inputs, outputs, scratch))

    def real_jobs(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], scale: float, work: Array, scratch: Scratch
    ) -> list[Kernel]:
        factor = multiplier(np.array(scalar(a[0].q)[0] / scalar(b[0].q)[0]), scale)
        left, load_left = centred(*a, 1, scratch)
        right, load_right = centred(*b, 1, scratch)
        undefined = scratch(work.shape, "bool")
        return [
            *load_left,
            *load_right,
            partial(np.divide, left, right, work),
            partial(np.isnan, work, undefined),
            partial(np.copyto, work, np.float32(0), where=undefined),
            partial(np.multiply, work, factor, work),
        ]


def _divide_integers(a: Array, b: Array) -> Array:
    down: Array = a // b
    if object in (a.dtype, b.dtype):
        return down
    rounded_down: Array = (down * b != a) & ((a < 0) != (b < 0)) & (b != 0)
    return np.add(down, rounded_down, dtype=down.dtype)


def _quietly(kernel: Kernel) -> Kernel:
    """The kernel without NumPy's warnings about division by zero."""

    def quiet() -> None:
        with np.errstate(all="ignore"):
            kernel()

    return quiet


@onnx_rule("Mul")
def import_mul(a: Ref, b: Ref) -> Expr:
    """Elementwise product with broadcasting (opset 7 and newer)."""
    return Mul()(a, b)


@onnx_rule("Div")
def import_div(a: Ref, b: Ref) -> Expr:
    """Elementwise quotient with broadcasting (opset 7 and newer)."""
    return Div()(a, b)


@onnx_rule("Mean")
def import_mean(first: Ref, *rest: Ref) -> Expr:
    """Mean of any number of inputs: a chain of Add, then one Mul."""
    return Mul()(total(first, *rest), np.array(1 / (1 + len(rest)), first.type.dtype)) if rest else first
