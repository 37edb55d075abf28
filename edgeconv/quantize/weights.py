"""Weights and biases as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array, QParams, quantize
from edgeconv.quantize.ranges import bias_limit_scales, weight_scales

__all__ = ["QuantizedWeights", "quantize_weights", "weight_only"]

_INT32_LIMIT = 2**31 - 1
_FLOAT32 = 4 * 2.0**-24
"""A few roundings of float32, as a part of the value."""


@dataclass(frozen=True)
class QuantizedWeights:
    """int8 values with per-channel parameters; the bias (channels,), int32 at scale_x * scale_w, or real in float32."""

    values: Array
    q: QParams
    bias: Array


def quantize_weights(
    weight: Array, axis: int, bias: Array | None, scale_x: float, own: QParams | None = None
) -> QuantizedWeights:
    """Round a float weight with output channels along `axis`, and its bias (zeros where there is none).

    `own`: the parameters that the weight came with; it is then stored in the integers that it came from, and so is the
    bias if it came in such steps, otherwise as it is.
    """
    bias = np.zeros(weight.shape[axis], np.float32) if bias is None else bias
    if own is None:
        scales = np.maximum(weight_scales(weight, axis), bias_limit_scales(bias, scale_x))
        values, q = _round(weight, scales, axis)
    else:
        values, q = quantize(weight, own), own
    exact = bias / (np.array(q.scale, np.float64) * scale_x)
    steps = np.rint(exact)
    if own is not None and not _is_whole(exact, steps):
        return QuantizedWeights(values, q, bias.astype(np.float32))
    return QuantizedWeights(values, q, np.clip(steps, -_INT32_LIMIT, _INT32_LIMIT).astype(np.int32))


def _is_whole(exact: Array, steps: Array) -> bool:
    """Are these whole numbers of 32 bits, but for the rounding of real values to float32?"""
    off = np.abs(exact - steps) > np.abs(steps) * _FLOAT32
    return not off.any() and bool(np.abs(steps).max(initial=0) <= _INT32_LIMIT)


def weight_only(weight: Array, axis: int) -> tuple[Array, QParams]:
    """int8 values of a weight whose operator computes in float, and their parameters."""
    return _round(weight, weight_scales(weight, axis), axis)


def _round(weight: Array, scales: Array, axis: int) -> tuple[Array, QParams]:
    q = QParams.per_channel(scales, axis)
    scale, _ = q.arrays(weight.ndim)
    return np.clip(np.rint(weight.astype(np.float64) / scale), -127, 127).astype(np.int8), q
