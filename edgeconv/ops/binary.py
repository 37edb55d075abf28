"""The common part of Add, Sub, Mul and Div: broadcasting, clamping, and exact int8 arithmetic.

int8: each operator combines integers (or products with a float32 multiplier) by single IEEE operations, then rounds
once; nothing is summed in floating point, so every machine gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, QuantRule, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.integer import clamp_bounds

__all__ = ["ClampedBinary", "centred"]


@dataclass(frozen=True)
class ClampedBinary(Operator):
    """Elementwise a ? b with broadcasting; `low` and `high` bound the result (a fused Relu or Clip)."""

    low: float = -inf
    high: float = inf

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 1))
    elementwise: ClassVar[bool] = True
    ufunc: ClassVar[np.ufunc]

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        if a.dtype != b.dtype:
            raise ShapeError(f"inputs {a} and {b} must have the same dtype")
        return (TensorType(a.dtype, broadcast_shapes(a.shape, b.shape)),)

    def run(self, a: Array, b: Array) -> Array:
        return self._clamp(self.combine(a, b))

    def combine(self, a: Array, b: Array) -> Array:
        """a ? b on real values."""
        result: Array = self.ufunc(a, b)
        return result

    def _clamp(self, y: Array) -> Array:
        return y if isinf(self.low) and isinf(self.high) else np.clip(y, self.low, self.high)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if inputs[0].q is not None:
            return self._plan_int8(inputs[0], inputs[1], outputs[0], scratch)
        a, b, y = inputs[0].array, inputs[1].array, outputs[0].array
        if y.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        low, high, clamps = np.float32(self.low), np.float32(self.high), not (isinf(self.low) and isinf(self.high))
        ufunc = self.ufunc

        def kernel() -> None:
            ufunc(a, b, out=y)
            if clamps:
                np.clip(y, low, high, out=y)

        return kernel

    def _plan_int8(self, a: Operand, b: Operand, y: Operand, scratch: Scratch) -> Kernel:
        assert y.q is not None
        work = scratch(y.type.ints)
        combine = self.plan_real(a, b, y, work, scratch)
        zero_point = np.float32(y.q.zero_point[0])
        lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(y.q, self.low, self.high))
        out = y.array

        def kernel() -> None:
            combine()
            np.rint(work, out=work)
            np.clip(work, lo, hi, out=work)
            np.add(work, zero_point, out=out, casting="unsafe")

        return kernel

    def plan_real(self, a: Operand, b: Operand, y: Operand, work: Array, scratch: Scratch) -> Kernel:
        """A kernel that leaves (a ? b) / scale_y in `work`, not yet rounded."""
        raise NotImplementedError


def centred(x: Operand, factor: float, scratch: Scratch) -> tuple[Array, Kernel]:
    """(values, kernel): the kernel leaves float32(q - zero_point) * float32(factor) in the values.

    Constants are prepared once, in memory of their own.
    """
    assert x.q is not None
    zero_point, scale = np.float32(x.q.zero_point[0]), np.float32(factor)
    if x.is_constant:
        return (x.array.astype(np.float32) - zero_point) * scale, _nothing
    values, source = scratch(x.array.shape), x.array

    def kernel() -> None:
        np.subtract(source, zero_point, out=values)
        if scale != 1:
            np.multiply(values, scale, out=values)

    return values, kernel


def _nothing() -> None:
    """The kernel of a constant."""
