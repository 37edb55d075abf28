"""What is remembered of a layer while samples stream by: sums, a range and a histogram, whatever their number."""

from __future__ import annotations

from math import inf, log10, nan

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.quantize.statistics import HALF_BINS, Statistics
from edgeconv.report.layers import Histogram

__all__ = ["LayerSums", "counted_rows", "decibels", "energy", "held_range"]

_BINS = 64


class LayerSums:
    """Sums of one site. Signal and noise are in the reference's units, the range in the candidate's."""

    def __init__(self) -> None:
        self.signal = self.local = self.cumulative = 0.0
        self.outside = self.elements = 0
        self.statistics = Statistics()

    def see(self, values: Array, known: TensorType) -> None:
        """Take in the reference's values in the units of the candidate's tensor, which `known` describes."""
        self.statistics.add(values)
        self.elements += values.size
        held = held_range(known)
        if held is not None and known.q is not None:
            margin = known.q.scale[0] / 2
            self.outside += int(np.count_nonzero((values < held[0] - margin) | (values > held[1] + margin)))

    @property
    def seen(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.statistics.minimum, self.statistics.maximum

    def histogram(self) -> Histogram | None:
        """64 bins over the range seen; None where all values are equal."""
        low, high = self.seen
        if not low < high:
            return None
        edges = np.linspace(low, high, _BINS + 1)
        width = 2.0 ** (self.statistics.exponent or 0)
        centres = np.clip((np.arange(-HALF_BINS, HALF_BINS) + 0.5) * width, low, high)
        counts, _ = np.histogram(centres, edges, weights=self.statistics.bins.astype(np.float64))
        return Histogram(low, high, tuple(int(count) for count in counts))


def held_range(known: TensorType) -> tuple[float, float] | None:
    """The lowest and the highest real value that a quantized tensor can hold; None for one that is not."""
    if known.q is None:
        return None
    limits, scale, zero_point = np.iinfo(known.dtype), known.q.scale[0], known.q.zero_point[0]
    return scale * (int(limits.min) - zero_point), scale * (int(limits.max) - zero_point)


def counted_rows(array: Array, rows: int | None) -> Array:
    """The first `rows` rows, the rest being padding; all where `rows` is None."""
    return array[:rows] if array.ndim else array


def energy(values: Array) -> float:
    """Sum of squares."""
    flat = values.reshape(-1).astype(np.float64, copy=False)
    return float(flat @ flat)


def decibels(signal: float, noise: float) -> float:
    """SQNR = 10 log10(signal / noise), infinite without noise."""
    if noise <= 0:
        return inf if noise == 0 else nan
    return 10 * log10(signal / noise) if signal > 0 else -inf
