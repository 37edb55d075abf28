"""Equal, Less, Greater, LessOrEqual, GreaterOrEqual: two inputs in, bool out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeconv.core import Array
from edgeconv.dims import compare
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.binary import Binary
from edgeconv.ops.onnx_rules import onnx_rule

__all__ = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]

_orders = np.frompyfunc(compare, 2, 1)


class Comparison(Binary):
    """A relation between a and b. Dimensions compare where the result holds whatever the symbols stand for."""

    predicate: ClassVar[bool] = True

    def run(self, a: Array, b: Array) -> Array:
        if object in (a.dtype, b.dtype):
            orders = np.asarray(_orders(a, b), object)
            if None in orders.reshape(-1).tolist():
                raise ValueError("the relation depends on a dimension that is not known yet")
            a, b = orders.astype(np.int64), np.zeros((), np.int64)
        return super().run(a, b)


class Equal(Comparison):
    """a == b."""

    ufunc: ClassVar[np.ufunc] = np.equal
    kinds: ClassVar[str] = "fiub"


class Less(Comparison):
    """a < b."""

    ufunc: ClassVar[np.ufunc] = np.less


class LessOrEqual(Comparison):
    """a <= b."""

    ufunc: ClassVar[np.ufunc] = np.less_equal


class Greater(Comparison):
    """a > b."""

    ufunc: ClassVar[np.ufunc] = np.greater


class GreaterOrEqual(Comparison):
    """a >= b."""

    ufunc: ClassVar[np.ufunc] = np.greater_equal


@onnx_rule("Equal")
def import_equal(a: Ref, b: Ref) -> Expr:
    """a == b with broadcasting (opset 7 and newer)."""
    return Equal()(a, b)


@onnx_rule("Less")
def import_less(a: Ref, b: Ref) -> Expr:
    """a < b with broadcasting (opset 7 and newer)."""
    return Less()(a, b)


@onnx_rule("LessOrEqual", since=12)
def import_less_or_equal(a: Ref, b: Ref) -> Expr:
    """a <= b with broadcasting."""
    return LessOrEqual()(a, b)


@onnx_rule("Greater")
def import_greater(a: Ref, b: Ref) -> Expr:
    """a > b with broadcasting (opset 7 and newer)."""
    return Greater()(a, b)


@onnx_rule("GreaterOrEqual", since=12)
def import_greater_or_equal(a: Ref, b: Ref) -> Expr:
    """a >= b with broadcasting."""
    return GreaterOrEqual()(a, b)
