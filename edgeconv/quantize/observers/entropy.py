"""entropy: the range whose int8 histogram is closest to the float one in Kullback-Leibler divergence.

After Migacz, "8-bit inference with TensorRT" (GTC 2017): for every candidate range the values outside are counted at
its ends, the bins inside are merged into 256 levels and spread out again, and the divergence of the two is taken.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from edgeconv.quantize.observers.minmax import minmax_range
from edgeconv.quantize.statistics import HALF_BINS, Statistics

__all__ = ["entropy_range"]

_LEVELS = 256
_CANDIDATES = 128


def entropy_range(seen: Statistics) -> tuple[float, float]:
    """The best of 128 thresholds t, each standing for the part of the range seen that lies in [-t, t]."""
    low, high = minmax_range(seen)
    if low == high:
        return low, high
    width = 2.0 ** (seen.exponent or 0)
    best, best_divergence = (low, high), np.inf
    for share in np.arange(_CANDIDATES, 0, -1) / _CANDIDATES:
        threshold = float(share) * max(-low, high)
        candidate = max(low, -threshold), min(high, threshold)
        first = HALF_BINS + int(np.floor(candidate[0] / width))
        last = HALF_BINS + int(np.ceil(candidate[1] / width))
        if last - first < _LEVELS:
            break
        divergence = _divergence(seen.bins, first, last)
        if divergence < best_divergence:
            best, best_divergence = candidate, divergence
    return best


def _divergence(bins: Array, first: int, last: int) -> float:
    inside = bins[first:last].astype(np.float64)
    reference = inside.copy()
    reference[0] += bins[:first].sum()
    reference[-1] += bins[last:].sum()
    level = np.arange(inside.size) * _LEVELS // inside.size
    used = (inside > 0).astype(np.float64)
    sums, uses = np.bincount(level, inside, _LEVELS), np.bincount(level, used, _LEVELS)
    spread = np.where(used > 0, (sums / np.maximum(uses, 1))[level], 0.0)
    p, q = reference / reference.sum(), spread / max(float(spread.sum()), 1e-300)
    shared = (p > 0) & (q > 0)
    lost = float(p[(p > 0) & (q == 0)].sum())
    return float(np.sum(p[shared] * np.log(p[shared] / q[shared]))) + lost * 50
