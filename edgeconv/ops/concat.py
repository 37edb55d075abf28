"""Concat: tensors one after another along an axis.

int8: bytes where the scales agree; otherwise each input through a table of 256 entries made at plan time by single
IEEE operations: saturate(rint((q - z_x) * float32(s_x / s_y)) + z_y).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, Kernel, QParams, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.integer import multiplier, required, scalar
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Concat", "rescale_table"]


@dataclass(frozen=True)
class Concat(Operator):
    """Inputs that agree in all dimensions but `axis`, joined along it."""

    axis: int

    quant: ClassVar[QuantRule | None] = QuantRule(activations=None)

    def infer(self, first: TensorType, *rest: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, first.rank)
        total = first.shape[self.axis]
        for other in rest:
            if other.dtype != first.dtype or _without(self.axis, other) != _without(self.axis, first):
                raise ShapeError(f"{first} and {other} do not join along axis {self.axis}")
            total = total + other.shape[self.axis]
        return (first.with_shape((*first.shape[: self.axis], total, *first.shape[self.axis + 1 :])),)

    def run(self, *xs: Array) -> Array:
        return np.concatenate(xs, self.axis)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        steps: list[Kernel] = []
        begin = 0
        for x in (inputs[index] for index in range(len(inputs))):
            end = begin + x.array.shape[self.axis]
            target = outputs[0].array[(*[slice(None)] * self.axis, slice(begin, end))]
            steps.append(_plan_part(x, target, outputs[0].q, scratch))
            begin = end

        def kernel() -> None:
            for step in steps:
                step()

        return kernel


def _without(axis: int, x: TensorType) -> tuple[object, ...]:
    return (x.rank, *x.shape[:axis], *x.shape[axis + 1 :])


def _plan_part(x: Operand, target: Array, q: QParams | None, scratch: Scratch) -> Kernel:
    source = x.array
    if x.q == q:
        return lambda: np.copyto(target, source)
    # Read as uint8, the values 0..127 come before -128..-1, so the table is rotated once instead.
    table = np.roll(rescale_table(required(x.q), required(q)), 128)
    indices = source.view(np.uint8)
    if x.is_constant:
        values = table[indices]
        return lambda: np.copyto(target, values)
    moved = target if target.flags.c_contiguous else scratch(target.shape, "int8")

    def kernel() -> None:
        np.take(table, indices, out=moved, mode="clip")
        if moved is not target:
            np.copyto(target, moved)

    return kernel


def rescale_table(source: QParams, target: QParams) -> Array:
    """The int8 value at `target` of every int8 value at `source`, from -128 on."""
    (scale, zero_point), (_, offset) = scalar(source), scalar(target)
    centred = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.float32) - np.float32(zero_point)
    values: Array = np.rint(centred * multiplier([scale], target.scale[0])) + np.float32(offset)
    return np.clip(values, INT8_MIN, INT8_MAX).astype(np.int8)


@onnx_rule("Concat")
def import_concat(first: Ref, *rest: Ref, axis: int) -> Expr:
    """Joins any number of tensors."""
    return Concat(normal_axis(axis, first.type.rank))(first, *rest) if rest else first
