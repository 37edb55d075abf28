"""Reductions over some axes: the common base, and those that have an int8 form (mean, sum, max, min).

int8 mean and sum: the exact sum of the integers, then one requantization; max and min: the raw bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, TensorType
from edgeconv.ops.axes import constant_ints, normal_axes
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.integer import exact_dtype, multiplier, reach, requantize_into, required, scalar
from edgeconv.ops.jobs import cast, chain, plan_sum
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Reduction", "register_reduction"]


@dataclass(frozen=True)
class Reduction(Operator):
    """Combine all elements along `axes` (sorted, non-negative); `keep_dims` leaves them as dimensions of 1."""

    axes: tuple[int, ...]
    keep_dims: bool = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if any(axis not in range(x.rank) for axis in self.axes) or sorted(set(self.axes)) != list(self.axes):
            raise ShapeError(f"axes {self.axes} must be different axes of {x}, in order")
        dims: list[Dim] = []
        for axis, dim in enumerate(x.shape):
            if axis not in self.axes:
                dims.append(dim)
            elif self.keep_dims:
                dims.append(1)
        return (x.with_shape(tuple(dims)),)


class _Total(Reduction):
    """Mean and sum: int8 in and out, or real values."""

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True
    is_mean: ClassVar[bool]

    def _stepwise(self, x: Operand, y: Operand, scratch: Scratch) -> Kernel | None:
        """The int8 kernel of a model that came quantized, where it has one of its own."""
        return None

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        count = prod(x.array.shape[axis] for axis in self.axes)
        if x.q is not None:
            return self._stepwise(x, y, scratch) or self._plan_int8(x, y, count, scratch)
        if x.array.dtype != np.float32 or count == 0:
            return super().plan(inputs, outputs, scratch)
        values, out = x.array, y.array if y.array.flags.c_contiguous else scratch(y.array.shape)
        jobs: list[Kernel] = []
        if not values.flags.c_contiguous:
            values = scratch(x.array.shape)
            jobs.append(cast(values, x.array))
        jobs.append(plan_sum(values, self.axes, out))
        if self.is_mean and count != 1:
            jobs.append(partial(np.multiply, out, np.float32(1 / count), out))
        if out is not y.array:
            jobs.append(cast(y.array, out))
        return chain(jobs)

    def _plan_int8(self, x: Operand, y: Operand, count: int, scratch: Scratch) -> Kernel:
        scale_x, zero_x = scalar(x.q)
        dtype = exact_dtype(count * reach(x.type) + 1.0)
        acc = scratch(y.array.shape, dtype)
        factor = multiplier(np.asarray(scale_x / count if self.is_mean else scale_x), scalar(y.q)[0])
        values, jobs = x.array, list[Kernel]()
        if x.planes is not None and x.rows is not None and self.axes == tuple(range(2, values.ndim)):
            lines = x.rows[:, :-1]
            total = partial(np.matmul, lines, x.planes.mask, acc.reshape(lines.shape[:2]))
            return chain([total, requantize_into(acc, factor, required(y.q), y.array, dtype=y.type.dtype)])
        if values.dtype.name != dtype or not values.flags.c_contiguous:
            values = scratch(x.array.shape, dtype)
            jobs.append(cast(values, x.array))
        jobs.append(plan_sum(values, self.axes, acc))
        if not x.is_wide and zero_x:
            jobs.append(partial(np.subtract, acc, np.asarray(count * zero_x, dtype), acc))
        return chain([*jobs, requantize_into(acc, factor, required(y.q), y.array, dtype=y.type.dtype)])


@dataclass(frozen=True)
class ReduceMean(_Total):
    """The mean; of integers rounded towards zero. `stepwise`: int8 as in `edgeconv.ops.stepwise`."""

    stepwise: bool = False

    is_mean: ClassVar[bool] = True

    def _stepwise(self, x: Operand, y: Operand, scratch: Scratch) -> Kernel | None:
        if not self.stepwise:
            return None
        from edgeconv.ops.stepwise import plan_mean

        return plan_mean(x, y, self.axes, scratch)

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if any(x.shape[axis] == 0 for axis in self.axes if axis in range(x.rank)):
            raise ShapeError(f"there is no mean over axes {self.axes} of {x}, which has no elements there")
        return super().infer(x)

    def run(self, x: Array) -> Array:
        return np.asarray(np.mean(x, axis=self.axes, keepdims=self.keep_dims), x.dtype)


class ReduceSum(_Total):
    """The sum, in the input's own dtype."""

    is_mean = False

    def run(self, x: Array) -> Array:
        return np.asarray(np.sum(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


class _Extreme(Reduction):
    """Maximum and minimum: int8 values keep their order, so the raw bytes are compared."""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    ufunc: ClassVar[np.ufunc]

    def run(self, x: Array) -> Array:
        return np.asarray(self.ufunc.reduce(x, axis=self.axes, keepdims=self.keep_dims, initial=self._empty(x.dtype)))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        reduce, initial, axes, keep_dims = self.ufunc.reduce, self._empty(x.dtype), self.axes, self.keep_dims

        def kernel() -> None:
            reduce(x, axis=axes, keepdims=keep_dims, out=y, initial=initial)

        return kernel

    def _empty(self, dtype: np.dtype) -> float | bool:
        """The extreme of no elements at all: what every other value beats."""
        is_max = self.ufunc is np.maximum
        if dtype.kind == "f":
            return -np.inf if is_max else np.inf
        if dtype.kind == "b":
            return not is_max
        limits = np.iinfo(dtype)
        return int(limits.min if is_max else limits.max)


class ReduceMax(_Extreme):
    """The largest element."""

    ufunc = np.maximum


class ReduceMin(_Extreme):
    """The smallest element."""

    ufunc = np.minimum


def _reduction(op: type[Reduction], x: Ref, axes: Sequence[int] | None, keepdims: int, noop: int) -> Expr:
    """`op` over ONNX axes: none given means all of them, or none of them at all where `noop` says so."""
    chosen = normal_axes(axes, x.type.rank) if axes else (() if noop else tuple(range(x.type.rank)))
    return op(chosen, bool(keepdims))(x)


def register_reduction(name: str, op: type[Reduction], axes_input_since: int) -> None:
    """The import rules of one ONNX reduction, whose axes are an attribute before that opset and an input from it on."""

    @onnx_rule(name)
    def by_attribute(x: Ref, *, axes: Sequence[int] | None = None, keepdims: int = 1) -> Expr:
        return _reduction(op, x, axes, keepdims, 0)

    @onnx_rule(name, since=axes_input_since)
    def by_input(x: Ref, axes: Ref | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Expr:
        chosen = None if axes is None else constant_ints(axes, "axes")
        return _reduction(op, x, chosen, keepdims, noop_with_empty_axes)


register_reduction("ReduceMean", ReduceMean, 18)
register_reduction("ReduceSum", ReduceSum, 13)
register_reduction("ReduceMax", ReduceMax, 18)
register_reduction("ReduceMin", ReduceMin, 18)


@onnx_rule("GlobalAveragePool")
def import_global_average_pool(x: Ref) -> Expr:
    """The mean over all spatial axes."""
    return ReduceMean(tuple(range(2, x.type.rank)))(x)


@onnx_rule("GlobalMaxPool")
def import_global_max_pool(x: Ref) -> Expr:
    """The maximum over all spatial axes."""
    return ReduceMax(tuple(range(2, x.type.rank)))(x)
