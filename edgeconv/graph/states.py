"""States: outputs bound to inputs, on the user's word."""

from __future__ import annotations

from collections.abc import Mapping

from edgeconv.errors import UsageError
from edgeconv.graph.graph import Graph

__all__ = ["bind_states"]


def bind_states(graph: Graph, states: Mapping[str, str]) -> Graph:
    """A copy of `graph` whose inputs `states` names (input -> output) are the outputs of the call before.

    UsageError for names that are not there, and for types that differ.
    """
    result = graph.copy()
    for source, target in states.items():
        for name, known, kind in ((source, graph.inputs, "input"), (target, graph.outputs, "output")):
            if name not in known:
                raise UsageError(f"--state {source}={target}: there is no {kind} {name!r}; there are {_listed(known)}")
        have, want = graph.types[target], graph.types[source]
        if (have.dtype, have.shape) != (want.dtype, want.shape):
            raise UsageError(
                f"--state {source}={target}: the input is {want}, the output {have}; they must be the same"
                + ("" if have.is_static and want.is_static else ", fix dimensions with --input-shape")
            )
        result.states[source] = target
    if states and len(result.states) == len(graph.inputs):
        raise UsageError(f"--state leaves no input; the model's inputs are {_listed(graph.inputs)}")
    return result


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
