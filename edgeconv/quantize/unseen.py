"""Values that few samples do not show: with every further sample, the largest value seen so far may grow.

The largest values of single samples are taken to follow a Gumbel distribution, as maxima of many do. Their maximum over
n samples then grows by the same amount, scale * ln 2, whenever n doubles, and that is their second L-moment (Hosking,
"L-moments: analysis and estimation of distributions using linear combinations of order statistics", 1990), half the
mean difference of two samples, which a handful of samples tells well. Values that two samples both end at are bounded.
Whether ranges so widened suit the network is asked of samples that they were not found from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log, log2

import numpy as np

from edgeconv.core import Array
from edgeconv.graph import Graph
from edgeconv.quantize.calibrate import collect
from edgeconv.quantize.choose import Rounding, noises
from edgeconv.quantize.refine.stepper import rows_of
from edgeconv.quantize.statistics import Statistics

__all__ = ["widened"]

_ENOUGH = 128
"""Samples that show all that matters; the few large values beyond are rightly clipped."""
_FEWEST = 4
_MOST = 0.06
"""Of the largest value: growth by a doubling, at most. One sample that stands out says little of others."""
_TIED = 1 - 2.0**-11
_PARTS = 4
_WHAT = "ranges wider for what so few samples do not show"

Tops = Mapping[str, Array]
"""Value -> (2, rows) of it: the largest magnitude below zero, and above."""
Seen = Mapping[str, Statistics]


def widened(
    graph: Graph,
    seen: Seen,
    few: Sequence[Mapping[str, Array]],
    samples: int,
    rounding: Callable[[Seen], Rounding],
) -> tuple[Seen, tuple[str, ...]]:
    """What was `seen` of so many samples, with limits where those of 128 are to be expected, or as it is;
    and a sentence on how much worse other samples came out, where that was undone.

    few: most of the samples, in batches; rounding: how values are rounded that were seen so.
    """
    parts = [few[at::_PARTS] for at in range(min(_PARTS, len(few)))]
    if samples >= _ENOUGH or len(parts) < 2:
        return seen, ()
    found, tops = zip(*(_collected(graph, part, seen) for part in parts), strict=True)
    gained = 0.0
    for at, part in enumerate(parts):
        others = [each for each in range(len(parts)) if each != at]
        known = _merged([found[each] for each in others])
        rows = sum(rows_of(batch) for each in others for batch in parts[each])
        wider = _reaching(known, [tops[each] for each in others], rows)
        before, after = noises(graph, [rounding(known), rounding(wider)], part)
        gained += log(max(before, 1e-30) / max(after, 1e-30))
    if gained > 0:
        return _reaching(seen, tops, samples), ()
    worse = f"{-10 / log(10) * gained / len(parts):.2g} dB"
    return seen, (f"{_WHAT}: held-back samples got worse by {worse} with them",) if gained < 0 else ()


def _collected(graph: Graph, batches: Iterable[Mapping[str, Array]], names: Iterable[str]) -> tuple[Seen, Tops]:
    found: dict[str, list[Array]] = {name: [np.empty((2, 0))] for name in names}

    def tap(name: str, array: Array) -> None:
        if array.size:
            rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
            found[name].append(np.array([-rows.min(axis=1), rows.max(axis=1)], np.float64))

    seen = collect(graph, batches, names, also=tap)
    return seen, {name: np.concatenate(each, axis=1) for name, each in found.items()}


def _merged(parts: Sequence[Seen]) -> Seen:
    found = {name: Statistics() for name in parts[0]}
    for part in parts:
        for name, each in part.items():
            found[name].merge(each)
    return found


def _reaching(seen: Seen, tops: Sequence[Tops], samples: int) -> Seen:
    """What was `seen` of so many samples, taken to reach as far as 128 would."""
    doublings = max(log2(_ENOUGH / max(samples, 1)), 0.0)
    sides = {name: np.concatenate([part[name] for part in tops], axis=1) for name in seen}
    return {
        name: each.widened(*(1 + doublings * _growth(np.sort(side)) for side in sides[name]))
        for name, each in seen.items()
    }


def _growth(ascending: Array) -> float:
    """By what share the largest of these, each of one sample, is to grow when there are twice as many."""
    count = len(ascending)
    if count < _FEWEST or ascending[-1] <= 0 or ascending[-2] >= _TIED * ascending[-1]:
        return 0.0
    moment = ascending @ (2 * np.arange(count) / (count - 1) - 1) / count
    return min(float(moment / ascending[-1]), _MOST)
