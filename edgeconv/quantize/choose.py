"""Choice among ways to round activations, by what the network's output shows of the rounding on calibration samples.

An observer sees one tensor, and not what is made of it: where a maximum follows or few values carry a signal, clipping
costs more than rounding; where noise is all in the ends, less. Weights stay float: refinements deal with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from edgeconv.core import Array, QParams
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.parallel import each, worker_count
from edgeconv.quantize.refine.stepper import rows_of
from edgeconv.quantize.simulate import noise_of, rounded
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import activation_bytes, resolve_types

if TYPE_CHECKING:
    from edgeconv.quantize.pipeline import Prepared

__all__ = ["choose", "noises"]

_CLEARLY = 0.9
"""Of the noise of the first way; what is within half a decibel, other samples may turn round."""

_SAMPLES = 64
"""To judge by; more tell little that these do not, and cost as much as calibration."""

Rounding = tuple[Graph, Mapping[str, QParams]]
"""A float graph, and the parameters of the values that are rounded in it."""


def noises(graph: Graph, ways: Sequence[Rounding], batches: Sequence[Mapping[str, Array]]) -> list[float]:
    """For each way, the mean squared error of the outputs of `graph`, each relative to its signal, over `batches`."""
    program = to_program(graph)
    workers = worker_count(activation_bytes(program, _shapes(program, batches[0])))
    shared = _runners(graph, ways) if workers < 2 else None

    def on(batch: Mapping[str, Array]) -> list[float]:
        exact, *others = shared or _runners(graph, ways)
        wanted = exact.run(None, batch)
        return [
            noise_of(wanted, runner.run(None, batch, tap=_rounding(runner.program, qparams, batch)))
            for runner, (_, qparams) in zip(others, ways, strict=True)
        ]

    found = each(on, batches, workers)
    return [sum(parts) / len(batches) for parts in zip(*found, strict=True)]


def _runners(graph: Graph, ways: Sequence[Rounding]) -> list[Interpreter]:
    """Interpreters of `graph` and of the graphs of all ways, one for each graph."""
    graphs = [graph, *(form for form, _ in ways)]
    made = {id(form): Interpreter(to_program(form)) for form in graphs}
    return [made[id(form)] for form in graphs]


def _shapes(program: Program, batch: Mapping[str, Array]) -> dict[int, tuple[int, ...]]:
    arrays = prepare_inputs(program, batch)
    return {index: array.shape for index, array in zip(program.inputs, arrays, strict=True)}


def _rounding(
    program: Program, qparams: Mapping[str, QParams], batch: Mapping[str, Array]
) -> Callable[[str, Array], None]:
    """A tap that rounds values where the float program holds them; what follows from shapes is not computed anew."""
    types = resolve_types(program, _shapes(program, batch))
    known = {each.name for each, found in zip(program.tensors, types, strict=True) if found.value is not None}

    def tap(name: str, array: Array) -> None:
        if name in qparams and name not in known:
            array[...] = rounded(array, qparams[name])

    return tap


def choose(ways: Sequence[Prepared], batches: Sequence[Mapping[str, Array]]) -> tuple[Prepared, list[float]]:
    """The first of several ways to prepare a graph, or one whose rounding shows clearly less; and the noises of all."""
    if len(ways) == 1:
        return ways[0], []
    rows = accumulate(map(rows_of, batches), initial=0)
    judging = [batch for batch, before in zip(batches, rows, strict=False) if before < _SAMPLES]
    found = noises(ways[0].graph, [(way.graph, way.narrow) for way in ways], judging)
    least = found.index(min(found))
    return ways[least if found[least] < _CLEARLY * found[0] else 0], found
