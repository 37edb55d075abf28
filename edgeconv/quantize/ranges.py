"""From a range of real values to a scale and a zero point, for activations, weights and biases."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, QParams

__all__ = [
    "TABLE_STEPS",
    "activation_qparams",
    "bias_limit_scales",
    "constant_qparams",
    "weight_scales",
    "wide_qparams",
]

TABLE_STEPS = 4096
"""Steps of 16 bits on either side of zero, at most, where a table is made for them."""
_SMALLEST_SCALE = 1e-30
_BIAS_LIMIT = 2**23
"""Largest bias in steps of scale_x * scale_w: with it, float32 sums stay exact."""


def activation_qparams(low: float, high: float) -> QParams:
    """Asymmetric int8 parameters for [low, high], which includes zero; zero is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return QParams.per_tensor(1.0, 0)
    scale = float(np.float32(max((high - low) / 255, _SMALLEST_SCALE)))
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return QParams.per_tensor(scale, zero_point)


def wide_qparams(low: float, high: float, least: float = 0.0) -> QParams:
    """Symmetric int16 parameters for [low, high], with a scale of at least `least`."""
    largest = max(-low, high)
    return QParams.per_tensor(max(largest / 32767, least, _SMALLEST_SCALE) if largest > 0 else 1.0, 0)


def constant_qparams(value: Array) -> QParams:
    """Parameters of an activation that is constant: its whole range."""
    return activation_qparams(float(value.min(initial=0)), float(value.max(initial=0)))


def weight_scales(weight: Array, axis: int) -> Array:
    """Symmetric scales (channels,): the largest magnitude of each channel becomes 127."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    largest = np.abs(weight).max(axis=others, initial=0.0).astype(np.float64)
    scales: Array = np.maximum(largest / 127, _SMALLEST_SCALE)
    return scales


def bias_limit_scales(bias: Array, scale_x: float) -> Array:
    """The smallest weight scales at which `bias` still fits 2**23 steps of scale_x * scale_w.

    It binds only where the weights of a channel are negligible beside its bias, and then costs nothing: a step of the
    accumulator is still far below a step of the output.
    """
    return np.abs(bias.astype(np.float64)) / (scale_x * _BIAS_LIMIT)
