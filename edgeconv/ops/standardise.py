"""Rows brought to mean 0 and variance 1, then scaled: the kernel of LayerNorm, GroupNorm and RmsNorm.

int8: exact sums of q and q * q give the mean and the variance by single IEEE operations in float64:
K**2 * variance = K * sum(q * q) - sum(q)**2 is an exact integer; square root and division are correctly rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from edgeconv.core import Array, Kernel, QParams
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.integer import clamp_bounds, exact_dtype, narrow, required, scalar
from edgeconv.ops.jobs import cast, chain, laid_out, plan_sum
from edgeconv.records import dataclass

__all__ = ["LONGEST_INT16_ROW", "LONGEST_ROW", "Affine", "Rows", "plan_standardise", "standardise"]

LONGEST_ROW = 1 << 18
"""Elements of a row for which K * sum(q * q) stays exact in float64: K**2 * 255**2 < 2**53."""
LONGEST_INT16_ROW = 1 << 11
"""The same of a row held in 16 bits: K**2 * 32768**2 <= 2**52."""

_SMALLEST_VARIANCE = 1e-30
"""Keeps a row of equal integers at 0 where epsilon is 0; far below any other variance of integers."""


@dataclass(frozen=True)
class Rows:
    """How a tensor is seen: as `shape`, of which the axes from `lead` on make up one row."""

    shape: tuple[int, ...]
    lead: int

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of a row."""
        return tuple(range(self.lead, len(self.shape)))

    @property
    def count(self) -> int:
        """Elements of a row."""
        return prod(self.shape[self.lead :])

    @property
    def kept(self) -> tuple[int, ...]:
        """The shape of one number per row."""
        return (*self.shape[: self.lead], *(1,) * (len(self.shape) - self.lead))


def standardise(x: Array, axes: Sequence[int], epsilon: float, centre: bool = True) -> Array:
    """(x - mean) / sqrt(variance + epsilon) over `axes`, in the dtype of x; without `centre` the mean counts as 0."""
    values = x - x.mean(axis=tuple(axes), keepdims=True) if centre else x
    variance = np.square(values).mean(axis=tuple(axes), keepdims=True)
    return np.asarray(values / np.sqrt(variance + np.asarray(epsilon, x.dtype)), x.dtype)


@dataclass(frozen=True)
class Affine:
    """What follows: times `scale`, plus `bias`; both as operands whose arrays broadcast to the rows' shape."""

    scale: Operand
    bias: Operand | None = None


def plan_standardise(
    rows: Rows, epsilon: float, centre: bool, affine: Affine, x: Operand, y: Operand, scratch: Scratch
) -> Kernel:
    """A kernel: y = standardised x * scale + bias."""
    if x.q is not None:
        return _plan_int8(rows, epsilon, centre, affine, x, y, scratch)
    source, out = x.array.reshape(rows.shape), y.array.reshape(rows.shape)
    square, mean, variance = scratch(rows.shape), scratch(rows.kept), scratch(rows.kept)
    count, values, jobs = np.float32(rows.count), source, list[Kernel]()
    if centre:
        values = out
        jobs += [
            plan_sum(source, rows.axes, mean),
            partial(np.divide, mean, count, mean),
            partial(np.subtract, source, mean, out),
        ]
    jobs += [
        partial(np.multiply, values, values, square),
        plan_sum(square, rows.axes, variance),
        partial(np.divide, variance, count, variance),
        partial(np.add, variance, np.float32(epsilon), variance),
        partial(np.sqrt, variance, variance),
        partial(np.divide, values, variance, out),
        partial(np.multiply, out, _spread(affine.scale, rows, scratch), out),
    ]
    if affine.bias is not None:
        jobs.append(partial(np.add, out, _spread(affine.bias, rows, scratch), out))
    return chain(jobs)


def _plan_int8(
    rows: Rows, epsilon: float, centre: bool, affine: Affine, x: Operand, y: Operand, scratch: Scratch
) -> Kernel:
    scale_y, zero_y = scalar(y.q)
    source, out = x.array.reshape(rows.shape), y.array.reshape(rows.shape)
    work, mean, inverse = scratch(rows.shape), scratch(rows.kept), scratch(rows.kept)
    integers, zero_point = scratch(rows.shape), np.float32(scalar(x.q)[1])
    jobs: list[Kernel] = [partial(np.add, source, zero_point, integers) if x.is_wide else cast(integers, source)]
    largest = 2.0**32 if x.type.dtype == "int16" else 2.0**16
    jobs += _statistics(rows, epsilon, centre, required(x.q), integers, (mean, inverse), scratch, largest)
    scale, load_scale = _divided(affine.scale, scale_y, rows, scratch)
    jobs += [
        *load_scale,
        partial(np.subtract, integers, mean, work),
        partial(np.multiply, work, inverse, work),
        partial(np.multiply, work, scale, work),
    ]
    if affine.bias is not None:
        bias, load_bias = _divided(affine.bias, scale_y, rows, scratch)
        jobs += [*load_bias, partial(np.add, work, bias, work)]
    lo, hi = (np.float32(bound - zero_y) for bound in clamp_bounds(required(y.q), dtype=y.type.dtype))
    return chain([*jobs, partial(np.rint, work, work), *narrow(work, lo, hi, np.float32(zero_y), out)])


def _statistics(
    rows: Rows,
    epsilon: float,
    centre: bool,
    q: QParams,
    integers: Array,
    results: tuple[Array, Array],
    scratch: Scratch,
    largest: float,
) -> list[Kernel]:
    """Jobs that leave float32(mean of q) and float32(1 / sqrt(variance of q + epsilon / scale**2)) in `results`.

    Without `centre` the zero point stands for the mean. `integers` holds q, whose square is below `largest`.
    """
    scale, zero_point = scalar(q)
    mean, inverse = results
    dtype = exact_dtype(rows.count * largest)
    values, total = scratch(rows.shape, dtype), scratch(rows.kept, dtype)
    first, second, quotient = (scratch(rows.kept, "float64") for _ in range(3))
    count, small = np.float64(rows.count), np.float64(max(epsilon / scale**2, _SMALLEST_VARIANCE))
    sum_values, jobs = plan_sum(values, rows.axes, total), [cast(values, integers)]
    if centre:
        jobs += [
            sum_values,
            cast(first, total),
            partial(np.divide, first, count, quotient),
            cast(mean, quotient),
            partial(np.multiply, first, first, first),
        ]
    else:
        jobs += [partial(np.subtract, values, np.asarray(zero_point, dtype), values), partial(mean.fill, zero_point)]
    jobs += [
        partial(np.multiply, values, values, values),
        sum_values,
        cast(second, total),
        partial(np.multiply, second, count, second),
    ]
    if centre:
        jobs.append(partial(np.subtract, second, first, second))
    return [
        *jobs,
        partial(np.divide, second, count * count, second),
        partial(np.add, second, small, second),
        partial(np.sqrt, second, second),
        partial(np.divide, np.float64(1), second, second),
        cast(inverse, second),
    ]


def _spread(x: Operand, rows: Rows, scratch: Scratch) -> Array:
    return laid_out(x.array, rows.shape, scratch) if x.is_constant else x.array


def _divided(x: Operand, divisor: float, rows: Rows, scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """(values, jobs): the jobs leave float32(x / divisor) in the values; of a constant it is done once."""
    if x.is_constant:
        return laid_out(np.divide(x.array, np.float32(divisor), dtype=np.float32), rows.shape, scratch), []
    values = scratch(x.array.shape)
    return values, [partial(np.divide, x.array, np.float32(divisor), values)]
