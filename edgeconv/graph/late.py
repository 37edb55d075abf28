"""Where a graph stops being known beforehand: nodes with shapes that only data tells, and all that depends on them.

Quantization and its measures see the graph before that (backbone, boxes, scores); what comes after stays in float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeconv.core import TensorType
from edgeconv.dims import any_counted
from edgeconv.graph.graph import Graph, Node

__all__ = ["late_nodes", "settled"]


def late_nodes(graph: Graph) -> list[Node]:
    """The nodes with shapes that only data tells, what depends on them, and what gives them anything but floats."""
    late = _after_data(graph.nodes, graph.types)
    while late:
        wanted = {name for node in late for name in node.inputs if name}
        known = {node.outputs for node in late}
        more = [
            node
            for node in graph.nodes
            if node.outputs not in known
            and any(name in wanted and not graph.types[name].is_float for name in node.outputs)
        ]
        if not more:
            break
        late = _depending([*late, *more], graph.nodes)
    return late


def settled(graph: Graph) -> Graph:
    """The graph without its late nodes, with what these read as outputs more; the graph itself where there are none."""
    late = late_nodes(graph)
    if not late:
        return graph
    keys = {node.outputs for node in late}
    kept = [node for node in graph.nodes if node.outputs not in keys]
    known = {name for node in kept for name in node.outputs if name} | set(graph.inputs)
    outputs = [name for name in graph.outputs if name in known]
    crossing = dict.fromkeys(name for node in late for name in node.inputs if name in known)
    before = graph.copy()
    before.nodes = kept
    before.outputs = [*outputs, *(name for name in crossing if name not in outputs and graph.types[name].is_float)]
    before.states = {source: target for source, target in graph.states.items() if target in before.outputs}
    before.prune()
    return before


def _after_data(nodes: Sequence[Node], types: Mapping[str, TensorType]) -> list[Node]:
    """The nodes that give, or depend on, shapes that only data tells."""
    first = [node for node in nodes if any(any_counted(types[name].shape) for name in node.outputs if name)]
    return _depending(first, nodes)


def _depending(first: Sequence[Node], nodes: Sequence[Node]) -> list[Node]:
    """The nodes `first` and all that depend on them, in order."""
    keys, touched, found = {node.outputs for node in first}, set[str](), []
    for node in nodes:
        if node.outputs in keys or not touched.isdisjoint(node.inputs):
            found.append(node)
            touched.update(name for name in node.outputs if name)
    return found
