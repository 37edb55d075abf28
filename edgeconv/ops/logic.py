"""Logic on bool, on the bits of integers, and the questions IsNaN and IsInf."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.binary import Binary, check_kind
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = [
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "IsInf",
    "IsNaN",
    "Not",
    "Or",
    "Xor",
]


class And(Binary):
    """Both."""

    ufunc: ClassVar[np.ufunc] = np.logical_and
    kinds: ClassVar[str] = "b"


class Or(Binary):
    """At least one."""

    ufunc: ClassVar[np.ufunc] = np.logical_or
    kinds: ClassVar[str] = "b"


class Xor(Binary):
    """Exactly one."""

    ufunc: ClassVar[np.ufunc] = np.logical_xor
    kinds: ClassVar[str] = "b"


class BitwiseAnd(Binary):
    """The bits that are set in both."""

    ufunc: ClassVar[np.ufunc] = np.bitwise_and
    kinds: ClassVar[str] = "iu"


class BitwiseOr(Binary):
    """The bits that are set in at least one."""

    ufunc: ClassVar[np.ufunc] = np.bitwise_or
    kinds: ClassVar[str] = "iu"


class BitwiseXor(Binary):
    """The bits that are set in exactly one."""

    ufunc: ClassVar[np.ufunc] = np.bitwise_xor
    kinds: ClassVar[str] = "iu"


@dataclass(frozen=True)
class BitShift(Operator):
    """The bits of a moved by b places, to the left or to the right, where the sign of a comes after; all of them gone
    where b is negative or no smaller than the width."""

    left: bool = True

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        return BitwiseAnd().infer(a, b)

    def run(self, a: Array, b: Array) -> Array:
        inside = (b >= 0) & (b < 8 * a.dtype.itemsize)
        places, gone = np.where(inside, b, 0).astype(b.dtype), np.where(a < 0, -1, 0)
        shifted = np.left_shift(a, places) if self.left else np.right_shift(a, places)
        return np.where(inside, shifted, 0 if self.left else gone).astype(a.dtype)


class Not(Operator):
    """The opposite."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_kind(x, "b")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        return np.logical_not(x)


class BitwiseNot(Operator):
    """Every bit inverted."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_kind(x, "iu")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        result: Array = np.invert(x)
        return result


class IsNaN(Operator):
    """Is it no number?"""

    reads_nan: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_kind(x, "f")
        return (TensorType("bool", x.shape),)

    def run(self, x: Array) -> Array:
        result: Array = np.isnan(x)
        return result


@dataclass(frozen=True)
class IsInf(Operator):
    """Is it infinite, with a sign that is asked for?"""

    negative: bool = True
    positive: bool = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return IsNaN().infer(x)

    def run(self, x: Array) -> Array:
        result: Array = np.isinf(x) & np.where(x < 0, self.negative, self.positive)
        return result


@onnx_rule("And")
def import_and(a: Ref, b: Ref) -> Expr:
    """Logical and with broadcasting (opset 7 and newer)."""
    return And()(a, b)


@onnx_rule("Or")
def import_or(a: Ref, b: Ref) -> Expr:
    """Logical or with broadcasting (opset 7 and newer)."""
    return Or()(a, b)


@onnx_rule("Xor")
def import_xor(a: Ref, b: Ref) -> Expr:
    """Logical exclusive or with broadcasting (opset 7 and newer)."""
    return Xor()(a, b)


@onnx_rule("Not")
def import_not(x: Ref) -> Expr:
    """Logical not."""
    return Not()(x)


@onnx_rule("BitwiseAnd", since=18)
def import_bitwise_and(a: Ref, b: Ref) -> Expr:
    """Bitwise and with broadcasting."""
    return BitwiseAnd()(a, b)


@onnx_rule("BitwiseOr", since=18)
def import_bitwise_or(a: Ref, b: Ref) -> Expr:
    """Bitwise or with broadcasting."""
    return BitwiseOr()(a, b)


@onnx_rule("BitwiseXor", since=18)
def import_bitwise_xor(a: Ref, b: Ref) -> Expr:
    """Bitwise exclusive or with broadcasting."""
    return BitwiseXor()(a, b)


@onnx_rule("BitwiseNot", since=18)
def import_bitwise_not(x: Ref) -> Expr:
    """Bitwise not."""
    return BitwiseNot()(x)


@onnx_rule("BitShift", since=11)
def import_bit_shift(a: Ref, b: Ref, *, direction: str) -> Expr:
    """Shift of integers."""
    if direction not in ("LEFT", "RIGHT"):
        raise ShapeError(f"direction is {direction!r}, neither LEFT nor RIGHT")
    return BitShift(direction == "LEFT")(a, b)


@onnx_rule("IsNaN", since=9)
def import_is_nan(x: Ref) -> Expr:
    """True where x is NaN."""
    return IsNaN()(x)


@onnx_rule("IsInf", since=10)
def import_is_inf(x: Ref, *, detect_negative: int = 1, detect_positive: int = 1) -> Expr:
    """True where x is infinite."""
    return IsInf(bool(detect_negative), bool(detect_positive))(x)
