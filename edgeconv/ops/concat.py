"""Concat: tensors one after another along an axis; of one, a copy at another scale.

int8: bytes where the scales agree; otherwise each input through a table of 256 entries made at plan time by single
IEEE operations: saturate(rint((q - z_x) * float32(s_x / s_y)) + z_y); `stepwise`, as in a model that came quantized,
saturate(rint(float32((q - z_x) * s_x) / s_y) + z_y).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, Kernel, QParams, Shape, TensorType, dequantize, quantize
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.binary import centred, clear, lines_of
from edgeconv.ops.broadcast import equal_dim
from edgeconv.ops.integer import is_held, multiplier, narrow, required, scalar, span
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Concat", "rescale_table"]


@dataclass(frozen=True)
class Concat(Operator):
    """Inputs that agree in all dimensions but `axis`, joined along it."""

    axis: int
    stepwise: bool = False

    quant: ClassVar[QuantRule | None] = QuantRule(activations=None)
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True
    int16: ClassVar[str] = "own"

    def infer(self, first: TensorType, *rest: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, first.rank)
        total, around = first.shape[self.axis], _without(self.axis, first)
        for other in rest:
            is_like = other.dtype == first.dtype or (is_held(other) and is_held(first))
            pairs = zip(around, _without(self.axis, other), strict=False)
            common = [equal_dim(pair) for pair in pairs]
            if not is_like or other.rank != first.rank or None in common:
                raise ShapeError(f"{first} and {other} do not join along axis {self.axis}")
            around = tuple(dim for dim in common if dim is not None)
            total = total + other.shape[self.axis]
        return (first.with_shape((*around[: self.axis], total, *around[self.axis :])),)

    def run(self, *xs: Array) -> Array:
        return np.concatenate(xs, self.axis)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if len(inputs) == 1:
            (lines,), target = lines_of([inputs[0]], outputs[0])
            copied = _part(Operand(inputs[0].type, lines), target, outputs[0].type, self.stepwise, scratch)
            return chain(copied + clear(outputs[0], target))
        steps: list[Kernel] = []
        begin = 0
        for x in (inputs[index] for index in range(len(inputs))):
            end = begin + x.array.shape[self.axis]
            target = outputs[0].array[(*[slice(None)] * self.axis, slice(begin, end))]
            steps += _part(x, target, outputs[0].type, self.stepwise, scratch)
            begin = end
        return chain(steps)


def _without(axis: int, x: TensorType) -> Shape:
    return (*x.shape[:axis], *x.shape[axis + 1 :])


def _part(x: Operand, target: Array, y: TensorType, stepwise: bool, scratch: Scratch) -> list[Kernel]:
    """Jobs that bring one input into its place."""
    q, is_wide = y.q, y.q is not None and target.dtype == np.float32
    if x.q == q and x.type.dtype == y.dtype and x.is_wide == is_wide:
        return [cast(target, x.array)]
    if x.is_wide or is_wide or "int16" in (x.type.dtype, y.dtype):
        return _part_wide(x, target, y, stepwise, scratch)
    # Read as uint8, the values 0..127 come before -128..-1, so the table is rotated once instead.
    table = np.roll(rescale_table(required(x.q), required(q), stepwise), 128)
    values = x.array.view(np.uint8)
    if x.is_constant:
        return [cast(target, table[values])]
    index = scratch(values.shape, np.dtype(np.intp).name)
    moved = target if target.flags.c_contiguous else scratch(target.shape, "int8")
    jobs: list[Kernel] = [cast(index, values), partial(np.take, table, index, None, moved, "clip")]
    return jobs if moved is target else [*jobs, cast(target, moved)]


def _part_wide(x: Operand, target: Array, y: TensorType, stepwise: bool, scratch: Scratch) -> list[Kernel]:
    """The same by the arithmetic that makes the table, where values are carried as float32 or held in 16 bits."""
    scale, zero = scalar(y.q)
    factor = scalar(x.q)[0] if stepwise else float(multiplier([scalar(x.q)[0]], scale)[0])
    values, jobs = centred(x, x.array, factor, scratch)
    rounded = scratch(values.shape)
    if stepwise:
        jobs.append(partial(np.divide, values, np.float32(scale), rounded))
        values = rounded
    low, high = map(np.float32, span(y, zero))
    return [*jobs, partial(np.rint, values, rounded), *narrow(rounded, low, high, np.float32(zero), target)]


def rescale_table(source: QParams, target: QParams, stepwise: bool = False) -> Array:
    """The int8 value at `target` of every int8 value at `source`, from -128 on."""
    if stepwise:
        return quantize(dequantize(np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int8), source), target)
    (scale, zero_point), (_, offset) = scalar(source), scalar(target)
    centred = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.float32) - np.float32(zero_point)
    values: Array = np.rint(centred * multiplier([scale], target.scale[0])) + np.float32(offset)
    return np.clip(values, INT8_MIN, INT8_MAX).astype(np.int8)


@onnx_rule("Concat")
def import_concat(first: Ref, *rest: Ref, axis: int) -> Expr:
    """Joins any number of tensors."""
    return Concat(normal_axis(axis, first.type.rank))(first, *rest) if rest else first
