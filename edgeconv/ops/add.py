"""Add, Sub, Max and Min: a + b, a - b, the larger, the smaller; with broadcasting, optionally clamped."""

from __future__ import annotations

from math import inf
from typing import ClassVar

import numpy as np

from edgeconv.core import Array
from edgeconv.dims import larger
from edgeconv.ops.base import Call, Expr, Ref, expr_type
from edgeconv.ops.binary import ScaledBinary
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Add", "Max", "Min", "Sub", "total"]


_larger = np.frompyfunc(larger, 2, 1)


@dataclass(frozen=True)
class Add(ScaledBinary):
    """a + b."""

    ufunc: ClassVar[np.ufunc] = np.add


@dataclass(frozen=True)
class Sub(ScaledBinary):
    """a - b."""

    ufunc: ClassVar[np.ufunc] = np.subtract


@dataclass(frozen=True)
class Max(ScaledBinary):
    """The larger of a and b. Of dimensions, where it is known whatever the symbols stand for."""

    ufunc: ClassVar[np.ufunc] = np.maximum

    def run(self, a: Array, b: Array) -> Array:
        return np.asarray(_larger(a, b), object) if object in (a.dtype, b.dtype) else super().run(a, b)


@dataclass(frozen=True)
class Min(ScaledBinary):
    """The smaller of a and b, of dimensions as in Max."""

    ufunc: ClassVar[np.ufunc] = np.minimum

    def run(self, a: Array, b: Array) -> Array:
        return np.asarray(-_larger(-a, -b), object) if object in (a.dtype, b.dtype) else super().run(a, b)


@onnx_rule("Add")
def import_add(a: Ref, b: Ref) -> Expr:
    """Elementwise sum with broadcasting (opset 7 and newer)."""
    return Add()(a, b)


@onnx_rule("Sub")
def import_sub(a: Ref, b: Ref) -> Expr:
    """Elementwise difference with broadcasting (opset 7 and newer)."""
    return Sub()(a, b)


@onnx_rule("Sum")
def import_sum(first: Ref, *rest: Ref) -> Expr:
    """Sum of any number of inputs."""
    return total(first, *rest)


def total(first: Expr, *rest: Expr) -> Expr:
    """The sum of all: a chain of Add."""
    for x in rest:
        first = Add()(first, x)
    return first


@onnx_rule("Max")
def import_max(first: Ref, *rest: Ref) -> Expr:
    """Largest of any number of inputs: a chain of Max, or a Clamp where an input is a constant scalar."""
    result: Expr = first
    for x in rest:
        result = _bounded(result, x, "low") or Max()(result, x)
    return result


@onnx_rule("Min")
def import_min(first: Ref, *rest: Ref) -> Expr:
    """Smallest of any number of inputs: a chain of Min, or a Clamp where an input is a constant scalar."""
    result: Expr = first
    for x in rest:
        result = _bounded(result, x, "high") or Min()(result, x)
    return result


def _bounded(x: Expr, y: Expr, bound: str) -> Call | None:
    """The Clamp of the variable one of `x` and `y`, if the other one is a constant scalar."""
    for variable, constant in ((x, y), (y, x)):
        known, limit = expr_type(variable), _scalar(constant)
        if limit is not None and known.value is None and known.is_float and known.rank >= expr_type(constant).rank:
            return Clamp(low=limit)(variable) if bound == "low" else Clamp(high=limit)(variable)
    return None


def _scalar(expr: Expr) -> float | None:
    value: Array | None = expr_type(expr).value
    if value is None or value.size != 1 or value.dtype == object:
        return None
    return float(value.reshape(())) if abs(value.item()) < inf else None
