"""What calibration remembers of a tensor: constant memory, whatever the number of samples, in any order.

The histogram's bins have a width that is a power of two and edges at its multiples; when a value does not fit, pairs of
bins are merged and the width doubles. So the result depends on the values alone, not on their order or batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, frexp

import numpy as np

from edgeconv.core import Array

__all__ = ["Statistics"]

HALF_BINS = 4096
"""Bins on either side of zero."""
_NONE = -199
"""Stands for an exponent while nothing was counted."""
_SAMPLED = 1 << 15
"""Elements per sample that go into the histogram; of larger tensors every n-th."""


class Statistics:
    """Minimum, maximum and histogram of one tensor; `reach`: how much further than that it is taken to go."""

    def __init__(self) -> None:
        self.minimum, self.maximum = np.inf, -np.inf
        self.zeros = 0
        self.bins = np.zeros(2 * HALF_BINS, np.int64)
        self.exponent: int | None = None
        self.reach = (1.0, 1.0)

    def add(self, x: Array) -> None:
        """Take in one batch; axis 0 is the batch."""
        if x.size == 0:
            return
        self.minimum = float(np.minimum(self.minimum, x.min()))
        self.maximum = float(np.maximum(self.maximum, x.max()))
        if not (np.isfinite(self.minimum) and np.isfinite(self.maximum)):
            return  # the caller reports it; nothing can be counted
        self._grow(max(abs(self.minimum), abs(self.maximum)))
        self._count(_sample(x))

    def merge(self, other: Statistics) -> None:
        """Take in what `other` has seen, as if it had been added here."""
        self.minimum = float(np.minimum(self.minimum, other.minimum))
        self.maximum = float(np.maximum(self.maximum, other.maximum))
        if other.exponent is None:
            return
        self._grow_to(other.exponent)
        bins = other.bins
        for _ in range((self.exponent or 0) - other.exponent):
            bins = _halve(bins)
        self.bins = self.bins + bins
        self.zeros += other.zeros

    def widened(self, low: float, high: float) -> Statistics:
        """The same, taken to reach so many times as far below and above zero as what was seen."""
        found = Statistics()
        found.merge(self)
        found.reach = (low, high)
        return found

    def reaching(self, limits: tuple[float, float]) -> tuple[float, float]:
        """(low, high) found from what was seen, widened alike."""
        return limits[0] * self.reach[0], limits[1] * self.reach[1]

    def state(self) -> tuple[tuple[float, float], tuple[int, int], Array]:
        """((minimum, maximum), (zeros, exponent of the bins' width), bins): everything, for `of_state`."""
        return (self.minimum, self.maximum), (self.zeros, _NONE if self.exponent is None else self.exponent), self.bins

    @staticmethod
    def of_state(limits: Sequence[float], counts: Sequence[int], bins: Array) -> Statistics:
        """Statistics that have seen what `state` tells; ValueError for bins of another number."""
        if bins.shape != (2 * HALF_BINS,) or not -200 < counts[1] < 200:
            raise ValueError(f"{bins.shape} bins of width 2**{counts[1]} are not what statistics hold")
        found = Statistics()
        found.minimum, found.maximum = float(limits[0]), float(limits[1])
        found.zeros, found.exponent = int(counts[0]), None if counts[1] == _NONE else int(counts[1])
        found.bins = bins.astype(np.int64)
        return found

    def _grow(self, largest: float) -> None:
        needed = frexp(largest)[1] - 12 if largest > 0 else -126
        self._grow_to(max(needed, -126))

    def _grow_to(self, needed: int) -> None:
        if self.exponent is None:
            self.exponent = needed
        while self.exponent < needed:
            self.bins = _halve(self.bins)
            self.exponent += 1

    def _count(self, values: Array) -> None:
        assert self.exponent is not None
        self.zeros += int(values.size - np.count_nonzero(values))
        places = np.floor(values.astype(np.float32) * np.float32(2.0**-self.exponent)).astype(np.int64)
        places += HALF_BINS
        np.clip(places, 0, 2 * HALF_BINS - 1, out=places)
        self.bins += np.bincount(places, minlength=2 * HALF_BINS)

    def histogram(self) -> tuple[Array, Array]:
        """(centres, counts) of the bins that hold something, zeros left out."""
        width = 2.0 ** (self.exponent or 0)
        counts = self.bins.astype(np.float64)
        counts[HALF_BINS] -= self.zeros
        centres = (np.arange(-HALF_BINS, HALF_BINS) + 0.5) * width
        used = counts > 0
        return np.clip(centres[used], self.minimum, self.maximum), counts[used]


def _halve(bins: Array) -> Array:
    """Pairs of bins merged, zero staying in the middle."""
    merged = bins.reshape(-1, 2).sum(axis=1)
    empty = np.zeros(HALF_BINS // 2, np.int64)
    return np.concatenate([empty, merged, empty])


def _sample(x: Array) -> Array:
    """All elements of a small tensor, every n-th (n odd) of each sample of a large one."""
    rows = x.reshape(x.shape[0], -1) if x.ndim > 1 else x.reshape(1, -1)
    step = ceil(rows.shape[1] / _SAMPLED) | 1
    sampled: Array = rows[:, ::step].reshape(-1)
    return sampled
