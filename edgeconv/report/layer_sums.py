"""What is remembered of a layer while samples stream by: sums, a range and a histogram, whatever their number."""

from __future__ import annotations

from math import inf, log10

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.quantize.statistics import HALF_BINS, Statistics
from edgeconv.report.layers import Histogram

__all__ = ["LayerSums", "apart", "counted_rows", "decibels", "energy", "finite", "held_range"]

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


def apart(wanted: Array, found: Array) -> Array:
    """wanted - found: 0 where both are equal or no number, infinite where only one is a number."""
    with np.errstate(invalid="ignore"):
        difference = np.asarray(wanted - found)
    strange = ~np.isfinite(difference)
    if not strange.any():
        return difference
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    return np.where(strange, np.where(same, 0.0, inf), difference)


def finite(values: Array) -> Array:
    """The values, 0 in the place of infinity and of what is no number."""
    return np.asarray(np.nan_to_num(values, posinf=0.0, neginf=0.0))


def energy(values: Array) -> float:
    """Sum of squares."""
    flat = values.reshape(-1).astype(np.float64, copy=False)
    return float(flat @ flat)


def decibels(signal: float, noise: float) -> float:
    """SQNR = 10 log10(signal / noise), infinite without noise."""
    if noise == 0:
        return inf
    return 10 * log10(signal / noise) if signal > 0 and noise < inf else -inf
