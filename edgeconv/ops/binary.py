"""Functions of two inputs, element by element, with broadcasting.

`ClampedBinary` is the common part of those with int8 arithmetic (Add, Sub, Mul, Div, Max, Min): each combines integers
(or products with a float32 multiplier) by single IEEE operations, then rounds once; nothing is summed in floating
point, so every machine gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isinf
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, QuantRule, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.integer import clamp_bounds, multiplier, required, scalar
from edgeconv.records import dataclass

__all__ = ["Binary", "ClampedBinary", "ScaledBinary", "centred", "check_kind"]


def check_kind(x: TensorType, kinds: str) -> None:
    """ShapeError unless the dtype of `x` is of one of NumPy's `kinds` (f float, i and u integer, b bool)."""
    if np.dtype(x.dtype).kind not in kinds or (x.q is not None and "f" not in kinds):
        raise ShapeError(f"{x} has a dtype that it cannot compute with")


@dataclass(frozen=True)
class Binary(Operator):
    """Elementwise a ? b of two inputs of one dtype, which may be any of `kinds`; the result is bool for a predicate."""

    ufunc: ClassVar[np.ufunc]
    kinds: ClassVar[str] = "fiu"
    predicate: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        if a.dtype != b.dtype:
            raise ShapeError(f"inputs {a} and {b} must have the same dtype")
        check_kind(a, self.kinds)
        check_kind(b, self.kinds)
        return (TensorType("bool" if self.predicate else a.dtype, broadcast_shapes(a.shape, b.shape)),)

    def run(self, a: Array, b: Array) -> Array:
        result: Array = self.ufunc(a, b)
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        a, b, y, ufunc = inputs[0].array, inputs[1].array, outputs[0].array, self.ufunc

        def kernel() -> None:
            ufunc(a, b, out=y)

        return kernel


@dataclass(frozen=True)
class ClampedBinary(Binary):
    """A binary function whose result `low` and `high` bound (a fused Relu or Clip); int8 where its inputs are."""

    low: float = -inf
    high: float = inf

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 1))

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        if not self.low <= self.high:
            raise ShapeError(f"bounds {self.low} and {self.high} leave nothing between them")
        return super().infer(a, b)

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
            return Operator.plan(self, inputs, outputs, scratch)
        low, high, clamps = np.float32(self.low), np.float32(self.high), not (isinf(self.low) and isinf(self.high))
        ufunc = self.ufunc

        def kernel() -> None:
            ufunc(a, b, out=y)
            if clamps:
                np.clip(y, low, high, out=y)

        return kernel

    def _plan_int8(self, a: Operand, b: Operand, y: Operand, scratch: Scratch) -> Kernel:
        q = required(y.q)
        work = scratch(y.type.ints)
        combine = self.plan_real(a, b, q.scale[0], work, scratch)
        zero_point = np.float32(q.zero_point[0])
        lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q, self.low, self.high))
        out = y.array

        def kernel() -> None:
            combine()
            np.rint(work, out=work)
            np.clip(work, lo, hi, out=work)
            np.add(work, zero_point, out=out, casting="unsafe")

        return kernel

    def plan_real(self, a: Operand, b: Operand, scale: float, work: Array, scratch: Scratch) -> Kernel:
        """A kernel that leaves (a ? b) / scale in `work`, not yet rounded."""
        raise NotImplementedError


@dataclass(frozen=True)
class ScaledBinary(ClampedBinary):
    """A function with f(c a, c b) = c f(a, b): Add, Sub, Max, Min.

    int8: f((qa - za) * float32(sa / sy), (qb - zb) * float32(sb / sy)), each step one IEEE operation.
    """

    def plan_real(self, a: Operand, b: Operand, scale: float, work: Array, scratch: Scratch) -> Kernel:
        left, load_left = centred(a, float(multiplier(required(a.q).scale, scale)[0]), scratch)
        right, load_right = centred(b, float(multiplier(required(b.q).scale, scale)[0]), scratch)
        ufunc = self.ufunc

        def kernel() -> None:
            load_left()
            load_right()
            ufunc(left, right, out=work)

        return kernel


def centred(x: Operand, factor: float, scratch: Scratch) -> tuple[Array, Kernel]:
    """(values, kernel): the kernel leaves float32(q - zero_point) * float32(factor) in the values.

    Constants are prepared once, in memory of their own.
    """
    zero_point, scale = np.float32(scalar(x.q)[1]), np.float32(factor)
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
