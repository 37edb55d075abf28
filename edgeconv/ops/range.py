"""Range, EyeLike, Trilu, OneHot: tensors that follow from numbers and places."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from edgeconv.core import Array, Dim, SymbolicDim, TensorType
from edgeconv.dims import compare, counted
from edgeconv.ops.axes import check_axis, constant_ints, is_plain, normal_axis, sizes_of
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.binary import check_kind
from edgeconv.ops.cast import Cast, onnx_dtype
from edgeconv.ops.expand import Fill
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.shape import Dims
from edgeconv.records import dataclass

__all__ = ["OneHot", "OneHotOf", "Range", "Trilu"]


@dataclass(frozen=True)
class Range(Operator):
    """start, start + delta, ... up to but not including limit; data may decide on them (with a `label`)."""

    label: str = ""

    def infer(self, start: TensorType, limit: TensorType, delta: TensorType) -> tuple[TensorType, ...]:
        check_kind(start, "fiu")
        if not start.dtype == limit.dtype == delta.dtype or start.rank or limit.rank or delta.rank:
            raise ShapeError(f"needs three scalars of one dtype, found {start}, {limit} and {delta}")
        values = [known.value for known in (start, limit, delta)]
        numbers = [_number(value) for value in values if value is not None]
        if len(numbers) < 3 or not all(isinstance(number, (int, float)) for number in numbers):
            return (TensorType(start.dtype, (self._open_length(numbers),)),)
        return (TensorType(start.dtype, (_length(*numbers),)),)

    def _open_length(self, numbers: Sequence[Dim | float]) -> Dim:
        """The length where not all numbers are known yet."""
        length = _distance(*numbers) if len(numbers) == 3 else None
        if length is not None:
            return length
        if not self.label:
            raise ShapeError("its length is known at run time only, and it has no label for such a dimension")
        return counted(self.label)

    def run(self, start: Array, limit: Array, delta: Array) -> Array:
        if object in (start.dtype, limit.dtype, delta.dtype):
            raise ValueError("the limits are not known yet")
        count = _length(start.item(), limit.item(), delta.item())
        return np.asarray(start + np.arange(count) * delta, start.dtype)


def _number(value: Array) -> Any:
    """What a scalar holds; of a dimension cast to float, the dimension."""
    if value.dtype != object:
        return value.item()
    from edgeconv.ops.ratio import dimension  # few models cast shapes

    return dimension(value.item())


def _distance(start: Dim | float, limit: Dim | float, delta: Dim | float) -> Dim | None:
    """limit - start, where the step is 1 and both are dimensions in an order that is known."""
    first, last = (int(x) if isinstance(x, float) and x.is_integer() else x for x in (start, limit))
    if delta != 1 or not isinstance(first, (int, SymbolicDim)) or not isinstance(last, (int, SymbolicDim)):
        return None
    length = last - first
    return length if compare(length + 1, 0) == 1 else None


def _length(start: float, limit: float, delta: float) -> int:
    if delta == 0:
        raise ShapeError("its delta is 0")
    if isinstance(start, int) and isinstance(limit, int) and isinstance(delta, int):
        return len(range(start, limit, delta))
    return max(ceil((limit - start) / delta), 0)


@dataclass(frozen=True)
class Trilu(Operator):
    """The upper (or lower) triangle of the last two dimensions, zero elsewhere; k moves the diagonal to the right."""

    upper: bool = True
    k: int = 0

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 2 or abs(self.k) >= 2**31:
            raise ShapeError(f"needs matrices and a diagonal near them, found {x} and {self.k}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        return np.triu(x, self.k) if self.upper else np.tril(x, self.k)


@dataclass(frozen=True)
class OneHot(Operator):
    """A new dimension of `depth` at `axis`: values[1] where its index is the input's number, values[0] elsewhere."""

    depth: int
    axis: int

    def infer(self, indices: TensorType, values: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, indices.rank + 1)
        check_kind(indices, "fiu")
        if values.shape != (2,) or self.depth < 0:
            raise ShapeError(f"needs two values and a depth that is not negative, found {values} and {self.depth}")
        return (values.with_shape((*indices.shape[: self.axis], self.depth, *indices.shape[self.axis :])),)

    def run(self, indices: Array, values: Array) -> Array:
        places = np.where(indices < 0, indices + self.depth, indices)
        inside = (places >= 0) & (places < self.depth) & (places == np.floor(places))
        y = np.full((*indices.shape, self.depth), values[0])
        y[inside, places[inside].astype(np.int64)] = values[1]
        return np.moveaxis(y, -1, self.axis)


@dataclass(frozen=True)
class OneHotOf(Operator):
    """OneHot whose depth, one int64, is known at run time only; data may decide (with a `label`)."""

    axis: int
    label: str = ""

    def infer(self, indices: TensorType, depth: TensorType, values: TensorType) -> tuple[TensorType, ...]:
        if depth.is_static and depth.size != 1:
            raise ShapeError(f"needs one depth, found {depth}")
        (count,) = sizes_of(depth, self.label)
        if isinstance(count, int):
            return OneHot(count, self.axis).infer(indices, values)
        found = OneHot(1, self.axis).infer(indices, values)[0].shape
        return (values.with_shape((*found[: self.axis], count, *found[self.axis + 1 :])),)

    def run(self, indices: Array, depth: Array, values: Array) -> Array:
        if depth.dtype == object:
            raise ValueError("the depth is not known yet")
        return OneHot(int(depth.reshape(())), self.axis).run(indices, values)


@onnx_rule("Range", since=11)
def import_range(start: Ref, limit: Ref, delta: Ref, *, stash_type: int = 1, label: str = "") -> Expr:
    """Numbers at equal distances."""
    from edgeconv.ops.reshape import Reshape  # while converting only

    scalars: list[Expr] = []
    for ref in (start, limit, delta):
        if ref.type.shape == (1,):
            scalars.append(ref.value.reshape(()) if is_plain(ref) and ref.value is not None else Reshape(())(ref))
        else:
            scalars.append(ref)
    known = [ref.value for ref in (start, limit, delta)]
    is_open = any(value is None or value.dtype == object for value in known)
    return Range(label if is_open else "")(*scalars)


@onnx_rule("EyeLike", since=9)
def import_eye_like(x: Ref, *, dtype: int | None = None, k: int = 0) -> Expr:
    """Ones on a diagonal of a matrix; where its shape is open, what two triangles of ones have in common."""
    if x.type.rank != 2:
        raise ShapeError(f"needs a matrix, found {x.type}")
    wanted = x.type.dtype if dtype is None else onnx_dtype(dtype)
    if x.type.is_static:
        rows, columns = x.type.ints
        diagonal: Array = np.eye(rows, columns, k)
        return diagonal.astype(wanted)
    ones = Fill(1.0, wanted)(Dims((1, 1), (0, 1), (0, 0), (2,))(x))
    return Trilu(False, k)(Trilu(True, k)(ones))


@onnx_rule("Trilu", since=14)
@onnx_rule("Trilu", domain="com.microsoft")
def import_trilu(x: Ref, k: Ref | None = None, *, upper: int = 1) -> Expr:
    """A triangle of a constant place."""
    return Trilu(bool(upper), 0 if k is None else constant_ints(k, "k")[0])(x)


@onnx_rule("OneHot", since=9)
def import_one_hot(indices: Ref, depth: Ref, values: Ref, *, axis: int = -1, label: str = "") -> Expr:
    """One-hot vectors."""
    if not is_plain(depth):
        whole = depth if depth.type.dtype in ("int32", "int64") else Cast("int64")(depth)
        return OneHotOf(normal_axis(axis, indices.type.rank + 1), label)(indices, whole, values)
    return OneHot(constant_ints(depth, "depth")[0], normal_axis(axis, indices.type.rank + 1))(indices, values)
