"""Fair times: all contestants take turns in bursts, in one run, so that whatever disturbs one disturbs all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np

__all__ = ["Timing", "take_turns"]

BURST = 6
"""Calls in a row; one more before them finds the caches full of the others' data, and does not count."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median, 90th and 99th percentile of `calls` calls."""

    p50: float
    p90: float
    p99: float
    calls: int


def take_turns(
    contestants: Mapping[str, Callable[[], object]], seconds: float, most: int | None = None
) -> dict[str, Timing]:
    """Call everybody for `seconds` in all, at least three bursts each, at most `most` timed calls each."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    end = perf_counter() + seconds
    burst = BURST if most is None else min(BURST, most)
    rounds = 0
    while rounds < 3 or perf_counter() < end:
        rounds += 1
        for name, call in contestants.items():
            call()
            for _ in range(burst):
                begin = perf_counter()
                call()
                times[name].append(perf_counter() - begin)
        if most is not None and rounds * burst >= most:
            break
    return {name: _timing(found[:most]) for name, found in times.items()}


def _timing(found: list[float]) -> Timing:
    p50, p90, p99 = (float(value) for value in np.percentile(found, [50, 90, 99]))
    return Timing(p50, p90, p99, len(found))
