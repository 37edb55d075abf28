"""Observers: from the statistics of a tensor to the range that int8 shall cover. One file each."""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.quantize.observers.entropy import entropy_range
from edgeconv.quantize.observers.minmax import minmax_range
from edgeconv.quantize.observers.mse import mse_range
from edgeconv.quantize.observers.percentile import percentile_range
from edgeconv.quantize.statistics import Statistics

__all__ = ["OBSERVERS", "Observer"]

Observer = Callable[[Statistics], tuple[float, float]]
"""(lowest, highest) real value to be represented, always around zero."""

OBSERVERS: dict[str, Observer] = {
    "mse": mse_range,
    "minmax": minmax_range,
    "percentile": percentile_range,
    "entropy": entropy_range,
}
