"""Shape and Dims: the dimensions of a tensor as int64, known as soon as the input shape is."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Dims", "Shape", "Size"]


@dataclass(frozen=True)
class Shape(Operator):
    """Dimensions start..end (Python slice rules; `end` beyond the rank means all)."""

    start: int = 0
    end: int = 2**31 - 1

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        dims = x.shape[self.start : self.end]
        dtype = "int64" if all(isinstance(dim, int) for dim in dims) else "object"
        value = np.empty(len(dims), dtype)
        value[:] = dims
        return (TensorType("int64", (len(dims),), value=value),)

    def run(self, x: Array) -> Array:
        return np.array(x.shape[self.start : self.end], np.int64)


@dataclass(frozen=True)
class Dims(Operator):
    """Entry i is factors[i] * x.shape[axes[i]] + offsets[i], in an int64 array of `shape`.

    With `shifts` and `divisors`, (x.shape[axes[i]] + shifts[i]) // divisors[i] takes the place of the dimension.
    """

    factors: tuple[int, ...]
    axes: tuple[int, ...]
    offsets: tuple[int, ...]
    shape: tuple[int, ...]
    shifts: tuple[int, ...] = ()
    divisors: tuple[int, ...] = ()

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        count = len(self.axes)
        if min(self.divisors, default=1) < 1:
            raise ShapeError(f"divisors {self.divisors} must be 1 or more")
        inner = zip(self.axes, self.shifts or (0,) * count, self.divisors or (1,) * count, strict=True)
        dims = [(x.shape[axis] + shift) // divisor for axis, shift, divisor in inner]
        entries = [dim * f + offset for dim, f, offset in zip(dims, self.factors, self.offsets, strict=True)]
        dtype = "int64" if all(isinstance(entry, int) for entry in entries) else "object"
        value = np.empty(len(entries), dtype)
        value[:] = entries
        return (TensorType("int64", self.shape, value=value.reshape(self.shape)),)

    def run(self, x: Array) -> Array:
        return np.asarray(self.infer(TensorType(x.dtype.name, x.shape))[0].value)


class Size(Operator):
    """The number of elements."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        total = prod(x.shape)
        value = np.array(total, "int64" if isinstance(total, int) else "object")
        return (TensorType("int64", (), value=value),)

    def run(self, x: Array) -> Array:
        return np.array(x.size, np.int64)


@onnx_rule("Size")
def import_size(x: Ref) -> Expr:
    """The number of elements."""
    return Size()(x)


@onnx_rule("Shape")
def import_shape(x: Ref, *, start: int = 0, end: int = 2**31 - 1) -> Expr:
    """The shape, or a slice of it (opset 15)."""
    return Shape(start, end)(x)
