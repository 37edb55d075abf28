"""Choosing some of many positions, evenly and always the same."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["spread_positions"]

_GOLDEN = (5**0.5 - 1) / 2


def spread_positions(total: int, count: int) -> Array:
    """`count` of `total` positions, or all of them: multiples of the golden ratio, in step with no row width."""
    if total <= count:
        return np.arange(total)
    return ((np.arange(count) + 0.5) * _GOLDEN % 1 * total).astype(np.int64)
