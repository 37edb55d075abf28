"""Exact int8 products at BLAS speed, and requantization: the arithmetic of every integer kernel.

A float32 product of integers is exact, in any order of summation, while every partial sum stays below 2**24; float64
while below 2**53. The bound is proved from the weights at plan time and picks the dtype.
Requantization: saturate(rint(float32(acc) * float32(s_in / s_out)) + zero_point), ties to even.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, inf, isinf

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, Kernel, QParams, TensorType
from edgeconv.ops.base import ShapeError

__all__ = [
    "EXACT_FLOAT32",
    "centred_weight",
    "clamp_bounds",
    "exact_dtype",
    "is_real",
    "multiplier",
    "required",
    "requantize_into",
    "scalar",
    "weight_bound",
]

EXACT_FLOAT32 = 2**24


def exact_dtype(bound: float) -> str:
    """The narrowest float dtype that holds every integer up to `bound` in magnitude exactly."""
    return "float32" if bound < EXACT_FLOAT32 else "float64"


def weight_bound(weight: Array, bias: Array | None, largest: int = 128) -> int:
    """Largest magnitude any partial sum can take: rows of `weight` (O, K) times activations up to `largest`."""
    sums = np.abs(weight.astype(np.int64)).reshape(weight.shape[0], -1).sum(axis=1) * largest
    if bias is not None:
        sums = sums + np.abs(bias.astype(np.int64))
    return int(sums.max(initial=0))


def centred_weight(values: Array, q: QParams | None) -> Array:
    """int64 (q - zero_point) of an int8 weight; its zero points are 0 unless a quantized model came with others."""
    _, zero_point = required(q).arrays(values.ndim)
    return values.astype(np.int64) - zero_point.astype(np.int64)


def multiplier(scales_in: Sequence[float] | Array, scale_out: float) -> Array:
    """float32(s_in / s_out), divided in float64 and rounded once."""
    return (np.asarray(scales_in, np.float64) / np.float64(scale_out)).astype(np.float32)


def is_real(x: TensorType) -> bool:
    """True for floats, and for int8 values that stand for real ones."""
    return x.is_float or (x.dtype == "int8" and x.q is not None)


def required(q: QParams | None) -> QParams:
    """`q` itself; ShapeError where an int8 kernel meets a tensor without parameters."""
    if q is None:
        raise ShapeError("an input or output of an int8 operator has no quantization parameters")
    return q


def scalar(q: QParams | None) -> tuple[float, int]:
    """Scale and zero point of a per-tensor quantization; ShapeError where there is none."""
    found = required(q)
    return found.scale[0], found.zero_point[0]


def clamp_bounds(q: QParams, low: float = -inf, high: float = inf) -> tuple[int, int]:
    """The int8 range of an output clamped to [low, high] in real values."""
    scale, zero_point = scalar(q)
    lo = INT8_MIN if isinf(low) else _bound(low, scale, zero_point)
    hi = INT8_MAX if isinf(high) else _bound(high, scale, zero_point)
    return lo, max(lo, hi)


def _bound(value: float, scale: float, zero_point: int) -> int:
    exact = value / scale
    nearest = floor(exact) if exact - floor(exact) < 0.5 else ceil(exact)
    return min(max(nearest + zero_point, INT8_MIN), INT8_MAX)


def requantize_into(
    acc: Array,
    factor: Array,
    q: QParams,
    out: Array,
    low: float = -inf,
    high: float = inf,
    *,
    work: Array | None = None,
    add: Callable[[Array], Kernel] | None = None,
    outputs: Callable[[Array], Array] | None = None,
) -> Kernel:
    """A kernel: out = saturate(rint(acc * factor [+ more]) + zero_point), clamped to [low, high]; `acc` is overwritten.

    `factor` is float32 and broadcasts against `acc`. A float64 accumulator is rounded to float32 first, so that both
    give the same bytes; it needs `work`, float32 of its shape (made where it is missing). `add` plans a kernel that
    adds more to the scaled sums, in units of the output's scale. `outputs` picks the view that goes to `out` (by
    default all): the elementwise steps run over the whole accumulator, since long rows are faster than short ones.
    """
    zero_point = np.float32(q.zero_point[0])
    lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q, low, high))
    narrow = acc.dtype == np.float32
    if narrow or work is None:
        work = acc if narrow else np.empty(acc.shape, np.float32)
    result = work if outputs is None else outputs(work)
    more = None if add is None else add(result)

    def kernel() -> None:
        if not narrow:
            np.copyto(work, acc, casting="same_kind")
        np.multiply(work, factor, out=work)
        if more is not None:
            more()
        np.rint(work, out=work)
        np.clip(work, lo, hi, out=work)
        np.add(work, zero_point, out=work)
        np.copyto(out, result, casting="unsafe")

    return kernel
