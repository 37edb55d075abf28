"""Range search: each tensor's range, tried narrower and wider, judged by what the whole network gives.

The observers know one tensor at a time; which of its values matter, only the output tells. Coordinate descent over
tensors in the order of the data, on simulated activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.graph import Graph
from edgeconv.quantize.ranges import activation_qparams
from edgeconv.quantize.sensitivity import Group
from edgeconv.quantize.simulate import Simulation
from edgeconv.quantize.time_budget import TimeBudget

__all__ = ["search_ranges"]

_FACTORS = (0.8, 1.2)
"""Of the range that the observer chose."""
_BYTES = 1 << 29
"""Of activations, over all simulated batches."""
_GAIN = 0.97
"""A range is changed only for this share of the noise or less; where not rounding at all gives more, none is tried."""


def search_ranges(
    graph: Graph,
    batches: Sequence[Mapping[str, Array]],
    qparams: Mapping[str, QParams],
    groups: Sequence[Group],
    budget: TimeBudget,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, QParams], str]:
    """Better parameters for the values in `qparams`, and why the search ended early ("" where it did not).

    `groups`: the values that share parameters and may change.
    """
    found = dict(qparams)
    simulations = _simulations(graph, batches, qparams)
    for done, names in enumerate(each.names for each in groups):
        if budget.is_spent:
            return found, budget.message(done, len(groups), "ranges")
        first = simulations[0]
        if first.noise_with(dict.fromkeys(names)) < _GAIN * first.noise:
            best = _better(simulations, names, found[names[0]])
            found.update({} if best is None else dict.fromkeys(names, best))
        if progress is not None:
            progress(done + 1, len(groups))
    return found, ""


def _better(simulations: Sequence[Simulation], names: Sequence[str], present: QParams) -> QParams | None:
    """The best of the other ranges, which the simulations then keep, or None where the present one is as good."""
    noises = {}
    for factor in _FACTORS:
        q = _scaled(present, factor)
        noises[q] = sum(each.noise_with(dict.fromkeys(names, q)) for each in simulations)
    best = min(noises, key=noises.__getitem__)
    if noises[best] >= _GAIN * sum(each.noise for each in simulations):
        return None
    for each in simulations:
        each.keep(dict.fromkeys(names, best))
    return best


def _simulations(
    graph: Graph, batches: Sequence[Mapping[str, Array]], qparams: Mapping[str, QParams]
) -> list[Simulation]:
    """One for each batch, at least one, as many as the memory meant for them holds."""
    found = [Simulation(graph, batches[0], qparams)]
    for batch in batches[1 : max(_BYTES // max(found[0].nbytes, 1), 1)]:
        found.append(Simulation(graph, batch, qparams))
    return found


def _scaled(q: QParams, factor: float) -> QParams:
    scale, zero_point = q.scale[0], q.zero_point[0]
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    return activation_qparams(float(np.float32(low * factor)), float(np.float32(high * factor)))
