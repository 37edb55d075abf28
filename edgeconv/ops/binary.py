"""Functions of two inputs, element by element, with broadcasting.

`ClampedBinary` is the common part of those with int8 arithmetic (Add, Sub, Mul, Div, Max, Min): each combines integers
(or products with a float32 multiplier) by single IEEE operations, then rounds once; nothing is summed in floating
point, so every machine gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf, isinf
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, QuantRule, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.integer import clamp_bounds, is_held, multiplier, narrow, required, scalar
from edgeconv.ops.jobs import cast, chain, clip
from edgeconv.records import dataclass

__all__ = ["Binary", "ClampedBinary", "ScaledBinary", "centred", "check_kind", "clear", "lines_of"]


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
        if a.dtype != b.dtype and not (is_held(a) and is_held(b)):
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
    """A binary function whose result `low` and `high` bound (a fused Relu or Clip); int8 where its inputs are.

    `stepwise`: int8 in the very steps of a model that came quantized, float32((qa - za) sa) ? float32((qb - zb) sb),
    divided by sy.
    """

    low: float = -inf
    high: float = inf
    stepwise: bool = False

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 1))
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

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
        a, b, y = inputs[0], inputs[1], outputs[0]
        if a.q is None and y.array.dtype != np.float32:
            return Operator.plan(self, inputs, outputs, scratch)
        (left, right), out = lines_of([a, b], y)
        if a.q is not None:
            return chain(self._int8_jobs((a, left), (b, right), (y, out), scratch) + clear(y, out))
        jobs: list[Kernel] = [partial(self.ufunc, left, right, out=out)]
        if not (isinf(self.low) and isinf(self.high)):
            jobs.append(partial(clip, out, np.float32(self.low), np.float32(self.high), out))
        return chain(jobs + clear(y, out))

    def _int8_jobs(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], y: tuple[Operand, Array], scratch: Scratch
    ) -> list[Kernel]:
        q, out = required(y[0].q), y[1]
        work = scratch(out.shape)
        zero_point = np.float32(q.zero_point[0])
        lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q, self.low, self.high, y[0].type.dtype))
        combine = self._real_steps if self.stepwise else self.real_jobs
        jobs: list[Kernel] = [*combine(a, b, q.scale[0], work, scratch), partial(np.rint, work, work)]
        return [*jobs, *narrow(work, lo, hi, zero_point, out)]

    def _real_steps(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], scale: float, work: Array, scratch: Scratch
    ) -> list[Kernel]:
        left, load_left = centred(*a, scalar(a[0].q)[0], scratch)
        right, load_right = centred(*b, scalar(b[0].q)[0], scratch)
        combined = partial(self.ufunc, left, right, out=work)
        return [*load_left, *load_right, combined, partial(np.divide, work, np.float32(scale), work)]

    def real_jobs(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], scale: float, work: Array, scratch: Scratch
    ) -> list[Kernel]:
        """Jobs that leave (a ? b) / scale in `work`, not yet rounded; of each input, the operand and its values."""
        raise NotImplementedError


@dataclass(frozen=True)
class ScaledBinary(ClampedBinary):
    """A function with f(c a, c b) = c f(a, b): Add, Sub, Max, Min.

    int8: f((qa - za) * float32(sa / sy), (qb - zb) * float32(sb / sy)), each step one IEEE operation.
    """

    def real_jobs(
        self, a: tuple[Operand, Array], b: tuple[Operand, Array], scale: float, work: Array, scratch: Scratch
    ) -> list[Kernel]:
        left, load_left = centred(*a, float(multiplier(required(a[0].q).scale, scale)[0]), scratch)
        right, load_right = centred(*b, float(multiplier(required(b[0].q).scale, scale)[0]), scratch)
        return [*load_left, *load_right, partial(self.ufunc, left, right, out=work)]


def centred(x: Operand, values: Array, factor: float, scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """(result, jobs): the jobs leave float32(q - zero_point) * float32(factor) of the `values` of x in the result.

    Constants are prepared once, in memory of their own.
    """
    zero_point, scale = np.float32(0 if x.is_wide else scalar(x.q)[1]), np.float32(factor)
    if x.is_constant:
        return (values.astype(np.float32) - zero_point) * scale, []
    if x.is_wide:
        if scale == 1:
            return values, []
        work = scratch(values.shape)
        return work, [partial(np.multiply, values, scale, work)]
    work = scratch(values.shape)
    jobs = [cast(work, values)]
    if zero_point:
        jobs.append(partial(np.subtract, work, zero_point, work))
    if scale != 1:
        jobs.append(partial(np.multiply, work, scale, work))
    return work, jobs


def lines_of(inputs: Sequence[Operand], y: Operand) -> tuple[list[Array], Array]:
    """The values of the inputs and of y for an elementwise kernel: as whole lines where all are planes of one kind.

    An input with one element per channel, or one in all, goes along; otherwise the arrays themselves.
    """
    arrays = [x.array for x in inputs]
    planes = y.planes
    if planes is None or y.rows is None:
        return arrays, y.array
    found = []
    for x in inputs:
        if x.planes == planes and x.rows is not None and x.array.shape[:2] == y.array.shape[:2]:
            found.append(x.rows[:, :-1, planes.origin : planes.origin + planes.run])
        elif x.array.size == 1:
            found.append(x.array.reshape(1, 1, 1))
        elif x.array.ndim == y.array.ndim and x.array.shape[2:] == (1,) * (x.array.ndim - 2):
            inner: tuple[slice | int, ...] = (slice(None), slice(None), *(0,) * (x.array.ndim - 3))
            found.append(x.array[inner])
        else:
            return arrays, y.array
    return found, y.rows[:, :-1, planes.origin : planes.origin + planes.run]


def clear(y: Operand, written: Array) -> list[Kernel]:
    """Jobs: zeros into the gaps of y where whole lines were `written`."""
    if not y.clean or y.planes is None or y.rows is None or written is y.array:
        return []
    return [partial(hole.fill, 0) for hole in y.planes.holes(y.rows[:, :-1])]
