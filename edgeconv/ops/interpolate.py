"""Interpolate: resizing by linear or cubic interpolation, one axis after another.

int8 is a fixed sequence of single IEEE operations on whole arrays, not a reduction, and rounds once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, QuantRule, Scratch, ShapeError
from edgeconv.ops.integer import is_real, multiplier, requantize_into, required, scalar
from edgeconv.ops.resize_base import ResizeBase
from edgeconv.ops.resize_tables import Axis, weighted_taps
from edgeconv.records import dataclass

__all__ = ["Interpolate"]


@dataclass(frozen=True)
class Interpolate(ResizeBase):
    """Linear interpolation, or cubic with coefficient `cubic_a` where `cubic`."""

    cubic: bool = False
    cubic_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))

    def _check(self, x: TensorType) -> None:
        super()._check(x)
        if not is_real(x):
            raise ShapeError(f"needs real numbers to interpolate, found {x}")

    def _taps(self, axis: Axis, place: int, rank: int) -> list[tuple[Array, Array]]:
        """(indices, weights) of each tap; the weights broadcast along axis `place` of `rank`."""
        coefficient = self.cubic_a if self.cubic else None
        indices, weights = weighted_taps(axis, self.coordinates, coefficient, self.exclude_outside, self.antialias)
        shape = (-1, *(1,) * (rank - 1 - place))
        return [(i, w.reshape(shape)) for i, w in zip(indices, weights.astype(np.float32), strict=True)]

    def run(self, x: Array, sizes: Array | None = None) -> Array:
        if sizes is not None and sizes.dtype == np.float32:
            return self.scaled(sizes).run(x)
        y = x
        for axis, table in self.resized(x.shape, self.output_shape(x, sizes)).items():
            terms = [np.take(y, indices, axis) * weight for indices, weight in self._taps(table, axis, x.ndim)]
            y = np.asarray(sum(terms))
        return np.asarray(y, x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if len(inputs) > 1 and inputs[1].type.is_float:
            return self.scaled(inputs[1].array).plan(Inputs([inputs[0]]), outputs, scratch)
        x, y = inputs[0], outputs[0]
        if x.q is None:
            return (
                self._plan_real(x.array, y.array, scratch)
                if y.array.dtype == np.float32
                else super().plan(inputs, outputs, scratch)
            )
        (scale_x, zero_x), (scale_y, _) = scalar(x.q), scalar(y.q)
        values, result = scratch(x.array.shape), scratch(y.array.shape)
        interpolate = self._plan_real(values, result, scratch)
        requantize = requantize_into(result, multiplier(np.asarray(scale_x), scale_y), required(y.q), y.array)
        source, zero_point = x.array, np.float32(zero_x)

        def kernel() -> None:
            np.subtract(source, zero_point, out=values)
            interpolate()
            requantize()

        return kernel

    def _plan_real(self, source: Array, y: Array, scratch: Scratch) -> Kernel:
        steps: list[Kernel] = []
        tables = self.resized(source.shape, y.shape)
        for position, (axis, table) in enumerate(tables.items(), 1):
            shape = (*source.shape[:axis], table.after, *source.shape[axis + 1 :])
            target = y if position == len(tables) else scratch(shape)
            steps.append(_weigh(source, self._taps(table, axis, source.ndim), axis, target, scratch(shape)))
            source = target

        def kernel() -> None:
            for step in steps:
                step()
            if not steps:
                np.copyto(y, source)

        return kernel


def _weigh(source: Array, taps: list[tuple[Array, Array]], axis: int, target: Array, work: Array) -> Kernel:
    (first, first_weight), *rest = taps

    def kernel() -> None:
        np.take(source, first, axis, out=target, mode="clip")
        np.multiply(target, first_weight, out=target)
        for indices, weight in rest:
            np.take(source, indices, axis, out=work, mode="clip")
            np.multiply(work, weight, out=work)
            np.add(target, work, out=target)

    return kernel
