"""Constants that a quantized model holds as integers: finding the integers again behind their real values.

The importer turns `DequantizeLinear(constant)` into real values at once, so that every pass may transpose or reshape
them; what it keeps are the scales. A constant whose every value is an integer times its scale, to float32 rounding,
came as these integers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, QParams

__all__ = ["own_parameters"]

_ROUNDING = 4 * 2.0**-24
"""A value may differ from integer * scale by this part of itself: a few roundings of float32."""


def own_parameters(value: Array, axis: int | None, grids: Iterable[QParams]) -> QParams | None:
    """int8 parameters that hold `value` exactly, or None.

    One scale, or one for each channel along `axis`; integers beyond int8 (uint8 weights) get zero points.
    """
    if value.dtype != np.float32 or value.size == 0:
        return None
    for grid in grids:
        if len(grid.scale) not in (1, 0 if axis is None else value.shape[axis]):
            continue
        found = _fitted(value, grid.scale, axis if len(grid.scale) > 1 else None)
        if found is not None:
            return found
    return None


def _fitted(value: Array, scales: tuple[float, ...], axis: int | None) -> QParams | None:
    """`value` on the grid of these scales."""
    shape = [1] * value.ndim
    if axis is not None:
        shape[axis] = len(scales)
    scale = np.array(scales, np.float64).reshape(shape)
    steps = np.rint(value / scale)
    if (np.abs(value - steps * scale) > np.abs(value) * _ROUNDING).any():
        return None
    others = tuple(place for place in range(value.ndim) if place != axis)
    low, high = steps.min(axis=others).reshape(-1), steps.max(axis=others).reshape(-1)
    if (high - low > INT8_MAX - INT8_MIN).any() or max(np.abs(low).max(), high.max()) > 2 * INT8_MAX + 1:
        return None
    zero_point = np.maximum(INT8_MIN - low, 0) + np.minimum(INT8_MAX - high, 0)
    return QParams(scales, tuple(int(zero) for zero in zero_point), axis)
