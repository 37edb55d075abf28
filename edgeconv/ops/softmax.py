"""Softmax and LogSoftmax along one axis; the largest element is subtracted first, so that nothing overflows.

int8 Softmax: e[max - q] from a table in the file, an exact integer sum, and one division. The output's scale is 1/256
at most, since the results lie between 0 and 1; over many elements they are small, and so is the scale then. In 16 bits
the table has the exponentials of 16 steps and of multiples of 16, whose products are those of all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil, prod
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, Kernel, QParams, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError, Typed
from edgeconv.ops.integer import is_held, narrow, scalar
from edgeconv.ops.jobs import cast, chain, plan_sum
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.records import dataclass

__all__ = ["LogSoftmax", "Softmax", "import_flattened"]

_TABLE_BITS = 30
"""exp(0) in the table is 2**30: a sum of 2**23 entries is still exact in float64."""
_REACH, _STEPS = 22.0, 2048
"""exp(-22) * 2**30 is rounded to nothing; down to there an input in 16 bits has at most 2048 steps, of 1 % or so."""
_FINE, _MOST = 16, 1 << 12
"""Entries of single steps, and how many of all steps at most."""


@dataclass(frozen=True)
class _AlongAxis(Operator):
    """One float tensor in, one of the same shape out; `axis` is non-negative."""

    axis: int

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if not x.is_float or x.shape[self.axis] == 0:
            raise ShapeError(f"needs at least one real number along axis {self.axis}, found {x}")
        return (x.with_shape(x.shape),)

    def _shifted(self, x: Array) -> Array:
        return np.asarray(x - x.max(axis=self.axis, keepdims=True))


class Softmax(_AlongAxis):
    """exp(x) / sum(exp(x)) along the axis."""

    quant: ClassVar[QuantRule | None] = QuantRule(
        activations=(0,), output=QParams.per_tensor(1 / 256, INT8_MIN), reach=_REACH, steps=_STEPS
    )
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType, table: TensorType | None = None) -> tuple[TensorType, ...]:
        if table is None:
            return super().infer(x)
        check_axis(self.axis, x.rank)
        dim = x.shape[self.axis]
        if not is_held(x) or (isinstance(dim, int) and not 1 <= dim <= 1 << (53 - _TABLE_BITS)):
            raise ShapeError(f"needs a quantized input of 1 to 2**23 elements along axis {self.axis}, found {x}")
        if table.dtype != "int32" or table.value is None or not _is_exp_table(table.value, x.dtype == "int8"):
            raise ShapeError(f"needs a table int32[256] of exponentials, falling from at most 2**30, found {table}")
        return (TensorType("int8", x.shape, x.q),)

    def run(self, x: Array, table: Array | None = None) -> Array:
        exponentials = np.exp(self._shifted(x))
        return np.asarray(exponentials / exponentials.sum(axis=self.axis, keepdims=True), x.dtype)

    def tables(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> tuple[Array, ...]:
        scale, _ = scalar(inputs[0].q)
        steps = np.arange(256)
        if inputs[0].dtype != "int8":
            coarse = np.arange(ceil(min(_REACH / scale, _STEPS) / _FINE) + 1) * _FINE
            steps = np.concatenate([np.arange(_FINE), coarse])
        return (np.rint(np.exp(-steps * scale) * 2**_TABLE_BITS).astype(np.int32),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if inputs[0].q is not None:
            return self._plan_int8(inputs[0], inputs[1].array, outputs[0], scratch)
        x, y, axis = inputs[0].array, outputs[0].array, self.axis
        if y.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        extremes = scratch((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        return chain([
            partial(np.maximum.reduce, x, axis, None, extremes, True),
            partial(np.subtract, x, extremes, y),
            partial(np.exp, y, y),
            plan_sum(y, (axis,), extremes),
            partial(np.divide, y, extremes, y),
        ])  # fmt: skip

    def _plan_int8(self, x: Operand, table: Array, y: Operand, scratch: Scratch) -> Kernel:
        scale, zero = scalar(y.q)
        axis, shape = self.axis, x.array.shape
        kept = (*shape[:axis], 1, *shape[axis + 1 :])
        source, jobs = x.array, list[Kernel]()
        if not x.is_wide:
            source = scratch(shape)
            jobs.append(cast(source, x.array))
        top, distance = scratch(kept), scratch(shape)
        index, values, sums = (
            scratch(shape, np.dtype(np.intp).name),
            scratch(shape, "float64"),
            scratch(kept, "float64"),
        )
        high = np.float32(INT8_MAX - zero)
        return chain([
            *jobs,
            partial(np.maximum.reduce, source, axis, None, top, True),
            partial(np.subtract, top, source, distance),
            cast(index, distance),
            partial(_entries(table, x.type.dtype == "int8").astype(np.float64).take, index, None, values, "clip"),
            plan_sum(values, (axis,), sums),
            partial(np.multiply, sums, np.float64(scale), sums),
            partial(np.divide, values, sums, values),
            partial(np.rint, values, values),
            cast(distance, values),
            # No value is below 0, and 0 is the zero point.
            *narrow(distance, np.float32(0), high, np.float32(zero), y.array),
        ])  # fmt: skip


class LogSoftmax(_AlongAxis):
    """x - log(sum(exp(x))) along the axis."""

    def run(self, x: Array) -> Array:
        shifted = self._shifted(x)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True)), x.dtype)


def _entries(table: Array, is_int8: bool) -> Array:
    """e[distance]; what is farther from the largest element has the last. In 16 bits: rounded down, exactly."""
    if is_int8:
        return table
    fine, coarse = np.split(table.astype(np.int64), [_FINE])
    return (coarse[:, None] * fine >> _TABLE_BITS).reshape(-1)


def _is_exp_table(table: Array, is_int8: bool) -> bool:
    """True for entries from 0 to 2**30, the first positive, those for int8 256 and falling: every sum is exact then."""
    if table.ndim != 1 or (table.size != 256 if is_int8 else not _FINE < table.size <= _FINE + _MOST // _FINE):
        return False
    entries = _entries(table, is_int8)
    is_falling = not is_int8 or bool(np.all(table[1:] <= table[:-1]))
    return is_falling and bool(entries[0] > 0 and table.min() >= 0 and table.max() <= 1 << _TABLE_BITS)


def import_flattened(op: type[_AlongAxis], x: Typed, axis: int) -> Expr:
    """Before opset 13: over everything from `axis` on, as if the input had two dimensions."""
    shape, axis = x.type.shape, normal_axis(axis, x.type.rank)
    if all(dim == 1 for dim in shape[axis + 1 :]):
        return op(axis)(x)
    flat = (prod(shape[:axis]), prod(shape[axis:]))
    return reshape_to(op(1)(reshape_to(x, shape, flat)), flat, shape)


@onnx_rule("Softmax")
def import_softmax_flattened(x: Ref, *, axis: int = 1) -> Expr:
    """Softmax before opset 13."""
    return import_flattened(Softmax, x, axis)


@onnx_rule("Softmax", since=13)
def import_softmax(x: Ref, *, axis: int = -1) -> Expr:
    """Softmax along one axis."""
    return Softmax(normal_axis(axis, x.type.rank))(x)


@onnx_rule("LogSoftmax")
def import_log_softmax_flattened(x: Ref, *, axis: int = 1) -> Expr:
    """LogSoftmax before opset 13."""
    return import_flattened(LogSoftmax, x, axis)


@onnx_rule("LogSoftmax", since=13)
def import_log_softmax(x: Ref, *, axis: int = -1) -> Expr:
    """LogSoftmax along one axis."""
    return LogSoftmax(normal_axis(axis, x.type.rank))(x)
