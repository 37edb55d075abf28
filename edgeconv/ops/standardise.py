"""Rows brought to mean 0 and variance 1, then scaled: the kernel of LayerNorm, GroupNorm and RmsNorm.

int8: exact sums of q and q * q give the mean and the variance by single IEEE operations in float64:
K**2 * variance = K * sum(q * q) - sum(q)**2 is an exact integer; square root and division are correctly rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeconv.core import Array, Kernel, QParams
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.integer import clamp_bounds, exact_dtype, required, scalar
from edgeconv.ops.sums import plan_sum
from edgeconv.records import dataclass

__all__ = ["LONGEST_ROW", "Affine", "Rows", "plan_standardise", "standardise"]

LONGEST_ROW = 1 << 18
"""Elements of a row for which K * sum(q * q) stays exact in float64: K**2 * 255**2 < 2**53."""

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
    sum_values, sum_squares = plan_sum(source, rows.axes, mean), plan_sum(square, rows.axes, variance)
    count, small = np.float32(rows.count), np.float32(epsilon)
    scale, bias = affine.scale.array, None if affine.bias is None else affine.bias.array

    def kernel() -> None:
        values = source
        if centre:
            sum_values()
            np.divide(mean, count, out=mean)
            values = np.subtract(source, mean, out=out)
        np.multiply(values, values, out=square)
        sum_squares()
        np.divide(variance, count, out=variance)
        np.add(variance, small, out=variance)
        np.sqrt(variance, out=variance)
        np.divide(values, variance, out=out)
        np.multiply(out, scale, out=out)
        if bias is not None:
            np.add(out, bias, out=out)

    return kernel


def _plan_int8(
    rows: Rows, epsilon: float, centre: bool, affine: Affine, x: Operand, y: Operand, scratch: Scratch
) -> Kernel:
    scale_y, zero_y = scalar(y.q)
    work, source, out = scratch(rows.shape), x.array.reshape(rows.shape), y.array.reshape(rows.shape)
    mean, inverse = scratch(rows.kept), scratch(rows.kept)
    load = _plan_statistics(rows, epsilon, centre, required(x.q), source, (mean, inverse), scratch)
    scale, load_scale = _divided(affine.scale, scale_y, scratch)
    bias, load_bias = (None, _nothing) if affine.bias is None else _divided(affine.bias, scale_y, scratch)
    lo, hi = (np.float32(bound - zero_y) for bound in clamp_bounds(required(y.q)))
    zero_point = np.float32(zero_y)

    def kernel() -> None:
        load()
        load_scale()
        load_bias()
        np.subtract(source, mean, out=work)
        np.multiply(work, inverse, out=work)
        np.multiply(work, scale, out=work)
        if bias is not None:
            np.add(work, bias, out=work)
        np.rint(work, out=work)
        np.clip(work, lo, hi, out=work)
        np.add(work, zero_point, out=out, casting="unsafe")

    return kernel


def _plan_statistics(
    rows: Rows, epsilon: float, centre: bool, q: QParams, source: Array, results: tuple[Array, Array], scratch: Scratch
) -> Kernel:
    """A kernel that leaves float32(mean of q) and float32(1 / sqrt(variance of q + epsilon / scale**2)) in `results`.

    Without `centre` the zero point stands for the mean.
    """
    scale, zero_point = scalar(q)
    mean, inverse = results
    dtype = exact_dtype(rows.count * 2.0**16)
    values, total = scratch(rows.shape, dtype), scratch(rows.kept, dtype)
    sum_values = plan_sum(values, rows.axes, total)
    first, second = scratch(rows.kept, "float64"), scratch(rows.kept, "float64")
    count, small = float(rows.count), max(epsilon / scale**2, _SMALLEST_VARIANCE)
    shift = np.asarray(zero_point, dtype)

    def kernel() -> None:
        np.copyto(values, source)
        if centre:
            sum_values()
            np.copyto(first, total)
        else:
            np.subtract(values, shift, out=values)
        np.multiply(values, values, out=values)
        sum_values()
        np.multiply(total, count, out=second)
        if centre:
            np.divide(first, count, out=mean, casting="same_kind")
            np.multiply(first, first, out=first)
            np.subtract(second, first, out=second)
        else:
            mean.fill(zero_point)
        np.divide(second, count * count, out=second)
        np.add(second, small, out=second)
        np.sqrt(second, out=second)
        np.divide(1.0, second, out=inverse, casting="same_kind")

    return kernel


def _divided(x: Operand, divisor: float, scratch: Scratch) -> tuple[Array, Kernel]:
    """(values, kernel): the kernel leaves float32(x / divisor) in the values; of a constant it is done once."""
    if x.is_constant:
        return np.divide(x.array, np.float32(divisor), dtype=np.float32), _nothing
    values, source = scratch(x.array.shape), x.array

    def kernel() -> None:
        np.divide(source, np.float32(divisor), out=values)

    return values, kernel


def _nothing() -> None:
    """The kernel of a constant."""
