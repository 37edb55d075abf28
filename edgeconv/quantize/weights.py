"""Weights and biases as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array, QParams, dequantize
from edgeconv.ops.base import Operator, QuantRule
from edgeconv.quantize.ranges import bias_limit_scales, weight_scales
from edgeconv.quantize.refine.bias_correction import bias_shift

__all__ = ["QuantizedWeights", "quantize_weights", "weight_only"]

_INT32_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class QuantizedWeights:
    """int8 values with per-channel parameters, and the int32 bias at scale_x * scale_w."""

    values: Array
    q: QParams
    bias: Array | None = None


def quantize_weights(
    op: Operator, rule: QuantRule, weight: Array, bias: Array | None, scale_x: float, mean: Array | None
) -> QuantizedWeights:
    """Round `weight` (and `bias`) of an int8 operator; `mean` holds channel means of its input for bias correction."""
    scales = weight_scales(weight, rule.weight_axis)
    if bias is not None:
        scales = np.maximum(scales, bias_limit_scales(bias, scale_x))
    rounded = _round(weight, scales, rule.weight_axis)
    shift = None if mean is None else bias_shift(op, weight, dequantize(rounded.values, rounded.q), mean)
    total = None if bias is None and shift is None else np.zeros(scales.size)
    if total is not None:
        for part in (bias, shift):
            total = total + (0 if part is None else part)
    return QuantizedWeights(rounded.values, rounded.q, None if total is None else _bias(total, rounded.q, scale_x))


def weight_only(weight: Array, axis: int) -> QuantizedWeights:
    """int8 values of a weight whose operator computes in float."""
    return _round(weight, weight_scales(weight, axis), axis)


def _round(weight: Array, scales: Array, axis: int) -> QuantizedWeights:
    q = QParams.per_channel(scales, axis)
    scale, _ = q.arrays(weight.ndim)
    values = np.clip(np.rint(weight.astype(np.float64) / scale), -127, 127).astype(np.int8)
    return QuantizedWeights(values, q)


def _bias(bias: Array, q: QParams, scale_x: float) -> Array:
    steps = np.rint(bias / (np.array(q.scale, np.float64) * scale_x))
    return np.clip(steps, -_INT32_LIMIT, _INT32_LIMIT).astype(np.int32)
