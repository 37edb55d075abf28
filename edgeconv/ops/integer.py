"""Exact int8 products at BLAS speed, and requantization: the arithmetic of every integer kernel.

A float32 product of integers is exact, in any order of summation, while every partial sum stays below 2**24; float64
while below 2**53. The bound is proved from the weights at plan time and picks the dtype.
Requantization: saturate(rint(float32(acc) * float32(s_in / s_out)) + zero_point), ties to even.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from math import ceil, floor, inf, isinf

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import Operand, Operator, ShapeError
from edgeconv.ops.jobs import cast, chain, clip

__all__ = [
    "EXACT_FLOAT32",
    "bounds",
    "centred_weight",
    "clamp_bounds",
    "exact_dtype",
    "exact_product",
    "held_dtype",
    "held_limits",
    "is_held",
    "is_int16",
    "is_real",
    "multiplier",
    "narrow",
    "reach",
    "real_bias",
    "required",
    "requantize_into",
    "scalar",
    "span",
    "sum_bound",
    "weight_bound",
    "whole_bias",
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


def sum_bound(matrix: Array, bias: Array, lowest: int, highest: int) -> int:
    """Largest magnitude any partial sum of integer rows (O, K) can take, for activations from `lowest` to `highest`."""
    positive = np.maximum(matrix, 0).sum(axis=1, dtype=np.int64)
    negative = np.minimum(matrix, 0).sum(axis=1, dtype=np.int64)
    above = positive * max(highest, 0) + negative * min(lowest, 0)
    below = positive * -min(lowest, 0) - negative * max(highest, 0)
    return int((np.maximum(above, below) + np.abs(bias)).max(initial=0))


def exact_product(matrix: Array, bias: Array, lowest: int, highest: int) -> tuple[str, int]:
    """(dtype, cut): how rows of integers (O, K) times activations from `lowest` to `highest` are exact, with the bias.

    The cut is 0 for one product. Otherwise those of the first `cut` columns and of the rest are each exact in float32,
    and one float32 addition of both rounds their exact sum once, as a float64 product cast to float32 would be.
    `matrix` is a `centred_weight`: short rows are exact whatever stands in them.
    """
    largest = (128 if matrix.dtype == np.int8 else 255) * max(-lowest, highest) * matrix.shape[1]
    if largest + int(np.abs(bias).max(initial=0)) < EXACT_FLOAT32:
        return "float32", 0
    dtype, cut = exact_dtype(sum_bound(matrix, bias, lowest, highest)), matrix.shape[1] // 2
    if dtype == "float32" or cut == 0:
        return dtype, 0
    first = sum_bound(matrix[:, :cut], np.zeros_like(bias), lowest, highest)
    if max(first, sum_bound(matrix[:, cut:], bias, lowest, highest)) < EXACT_FLOAT32:
        return "float32", cut
    return dtype, 0


def centred_weight(weight: Operand) -> Array:
    """q - zero_point of an int8 weight: as it is where its zero points are 0, as those of edgeconv are; else int64."""
    q = required(weight.q)
    if not any(q.zero_point):
        return weight.array
    return weight.array.astype(np.int64) - q.arrays(weight.array.ndim)[1].astype(np.int64)


def whole_bias(bias: Operand | None) -> Array | None:
    """int64: a bias in steps of scale_x * scale_w, which goes into the exact sum; None where there is none."""
    return None if bias is None or bias.array.dtype.kind == "f" else bias.array.astype(np.int64)


def real_bias(bias: Operand | None, scale: float) -> Array | None:
    """float32: a bias that a quantized model brought in real units, in steps of the output; None for any other."""
    if bias is None or bias.array.dtype.kind != "f":
        return None
    if not np.isfinite(bias.array).all():
        raise ShapeError("its bias is not finite")
    return (bias.array.astype(np.float64) / scale).astype(np.float32)


def multiplier(scales_in: Sequence[float] | Array, scale_out: float) -> Array:
    """float32(s_in / s_out), divided in float64 and rounded once."""
    return (np.asarray(scales_in, np.float64) / np.float64(scale_out)).astype(np.float32)


def is_real(x: TensorType) -> bool:
    """True for floats, and for integers that stand for real ones."""
    return x.is_float or is_held(x)


def is_int16(x: TensorType | None) -> bool:
    """True for an activation that 16-bit integers stand for."""
    return x is not None and x.dtype == "int16" and x.q is not None and x.value is None


def is_held(x: TensorType) -> bool:
    """True for values held in int8 or int16, with parameters."""
    return x.dtype in ("int8", "int16") and x.q is not None


def held_dtype(op: Operator, found: TensorType, declared: TensorType) -> str:
    """The dtype of an output that is inferred as `found`: operators leave it to the tensor to hold 8 bits or 16."""
    is_free = op.int16 == "own" and found.dtype in ("int8", "int16")
    return declared.dtype if is_free and is_held(declared) else found.dtype


def held_limits(op: Operator, inputs: Sequence[TensorType | None], y: TensorType) -> tuple[int, int] | None:
    """The `limits` of an output held as `y`: what the operator clamps to, or moves; None where it is not in 16 bits."""
    if not is_int16(y):
        return None
    if op.int16 == "move":
        return None if inputs[0] is None else inputs[0].limits
    return clamp_bounds(required(y.q), *bounds(op), y.dtype)


def span(x: TensorType, centre: int = 0) -> tuple[int, int]:
    """(lowest, highest) integer that an activation can be, less `centre`."""
    held = np.iinfo(x.dtype)
    low, high = x.limits or (int(held.min), int(held.max))
    return low - centre, high - centre


def reach(x: TensorType) -> int:
    """The largest magnitude of an activation, centred."""
    low, high = span(x, scalar(x.q)[1])
    return max(-low, high)


def required(q: QParams | None) -> QParams:
    """`q` itself; ShapeError where an int8 kernel meets a tensor without parameters."""
    if q is None:
        raise ShapeError("an input or output of an int8 operator has no quantization parameters")
    return q


def scalar(q: QParams | None) -> tuple[float, int]:
    """Scale and zero point of a per-tensor quantization; ShapeError where there is none."""
    found = required(q)
    return found.scale[0], found.zero_point[0]


def bounds(op: Operator) -> tuple[float, float]:
    """The clamp inside an operator, in real values; infinite where it has none."""
    return getattr(op, "low", -inf), getattr(op, "high", inf)


def clamp_bounds(q: QParams, low: float = -inf, high: float = inf, dtype: str = "int8") -> tuple[int, int]:
    """The range of the integers of an output clamped to [low, high] in real values."""
    (scale, zero_point), limits = scalar(q), np.iinfo(dtype)

    def bound(value: float) -> int:
        exact = value / scale
        nearest = floor(exact) if exact - floor(exact) < 0.5 else ceil(exact)
        return min(max(nearest + zero_point, limits.min), limits.max)

    lo = limits.min if isinf(low) else bound(low)
    hi = limits.max if isinf(high) else bound(high)
    return lo, max(lo, hi)


def requantize_into(
    acc: Array,
    factor: Array,
    q: QParams,
    out: Array,
    low: float = -inf,
    high: float = inf,
    *,
    add: Iterable[Kernel] = (),
    work: Array | None = None,
    dtype: str = "int8",
) -> Kernel:
    """A kernel: out = saturate(rint(acc * factor [+ more]) + zero_point), clamped to [low, high]; `acc` is overwritten.

    `factor` is float32 and broadcasts against `acc`. A float64 accumulator is rounded to float32 first, so that both
    give the same bytes, in `work` (float32 of its shape; made where it is missing). `add` holds the kernels that add
    more to the scaled sums, in units of the output's scale. Into a float32 `out` goes the value without zero_point.
    `dtype`: what the output is declared as.
    """
    zero_point = np.float32(q.zero_point[0])
    lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q, low, high, dtype))
    jobs: list[Kernel] = []
    scaled = acc
    if acc.dtype != np.float32:
        scaled = np.empty(acc.shape, np.float32) if work is None else work
        jobs.append(cast(scaled, acc))
    jobs += [partial(np.multiply, scaled, factor, scaled), *add, partial(np.rint, scaled, scaled)]
    return chain([*jobs, *narrow(scaled, lo, hi, zero_point, out)])


def narrow(values: Array, low: np.float32, high: np.float32, zero_point: np.float32, out: Array) -> list[Kernel]:
    """Jobs: whole `values` clamped to [low, high] into `out`: int8 with the zero point, or float32 without."""
    if out.dtype == np.float32:
        return [partial(clip, values, low, high, out)]
    jobs: list[Kernel] = [partial(clip, values, low, high, values)]
    if zero_point:
        jobs.append(partial(np.add, values, zero_point, values))
    return [*jobs, cast(out, values)]
