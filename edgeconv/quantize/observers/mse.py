"""mse: the range with the least expected squared error, rounding inside it plus clipping outside.

Inside, the error of rounding to a step s is s^2 / 12 a value (zeros excepted: they are exact); outside, it is the
squared distance to the end of the range. Both follow from three cumulative sums of the histogram, so a whole grid of
ranges is rated at once.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from edgeconv.quantize.observers.minmax import minmax_range
from edgeconv.quantize.statistics import Statistics

__all__ = ["mse_range"]

_GRID = 128
_LEVELS = 255


def mse_range(seen: Statistics) -> tuple[float, float]:
    """The best pair of a grid: 1/128 to 128/128 of the minimum, times 1/128 to 128/128 of the maximum."""
    low, high = minmax_range(seen)
    centres, counts = seen.histogram()
    if centres.size == 0 or low == high:
        return low, high
    share = np.arange(1, _GRID + 1) / _GRID
    lows = low * share if low < 0 else np.zeros(1)
    highs = high * share if high > 0 else np.zeros(1)
    clipped_low = _excess(-centres[::-1], counts[::-1], -lows)
    clipped_high = _excess(centres, counts, highs)
    step = (highs[None, :] - lows[:, None]) / _LEVELS
    error = clipped_low[:, None] + clipped_high[None, :] + counts.sum() * step**2 / 12
    row, column = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[row]), float(highs[column])


def _excess(values: Array, counts: Array, limits: Array) -> Array:
    """For every limit: sum of counts * (value - limit)^2 over the ascending values above it."""
    first = np.searchsorted(values, limits, side="right")
    sums = [np.append(np.cumsum((counts * values**power)[::-1])[::-1], 0.0)[first] for power in range(3)]
    excess: Array = sums[2] - 2 * limits * sums[1] + limits**2 * sums[0]
    return np.maximum(excess, 0.0)
