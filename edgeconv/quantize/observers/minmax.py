"""minmax: everything that was seen."""

from __future__ import annotations

from edgeconv.quantize.statistics import Statistics

__all__ = ["minmax_range", "whole_range"]


def minmax_range(seen: Statistics) -> tuple[float, float]:
    """The smallest and largest value, and zero."""
    return min(seen.minimum, 0.0), max(seen.maximum, 0.0)


def whole_range(seen: Statistics) -> tuple[float, float]:
    """The same, and what is to be expected beyond it."""
    return seen.reaching(minmax_range(seen))
