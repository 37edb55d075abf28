"""percentile: all but the outermost of the values, as many on either side."""

from __future__ import annotations

import numpy as np

from edgeconv.quantize.observers.minmax import minmax_range
from edgeconv.quantize.statistics import Statistics

__all__ = ["PERCENTILE", "percentile_range"]

PERCENTILE = 99.999


def percentile_range(seen: Statistics, percentile: float = PERCENTILE) -> tuple[float, float]:
    """The range that `percentile` percent of the values lie in."""
    low, high = minmax_range(seen)
    counts = np.concatenate([[0.0], np.cumsum(seen.bins, dtype=np.float64)])
    outside = counts[-1] * (1 - percentile / 100) / 2
    edges = (np.arange(counts.size) - counts.size // 2) * 2.0 ** (seen.exponent or 0)
    below = edges[np.searchsorted(counts, outside, side="right") - 1]
    above = edges[np.searchsorted(counts, counts[-1] - outside, side="left")]
    return min(max(low, float(below)), 0.0), max(min(high, float(above)), 0.0)
