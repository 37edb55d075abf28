"""Raw input features of very different sizes, and what brings them to one scale: int8 has one scale before it."""

from __future__ import annotations

from edgeconv.graph import Graph
from edgeconv.passes.linear import RAW_SPREAD, Affine, affine
from edgeconv.passes.rewrite import View

__all__ = ["standardising"]

_REASON = "it brings raw input features to one scale, which int8 could not hold before it"


def standardising(graph: Graph) -> dict[str, str]:
    """First output -> reason, of the nodes that scale channels of an input by very different factors."""
    view = View(graph)
    chains: dict[tuple[str, int], tuple[Affine, list[str]]] = {}
    found: dict[str, str] = {}
    for node in graph.nodes:
        rank = graph.types[node.outputs[0]].rank
        for axis in sorted({1, rank - 1}) if rank > 1 else ():
            outer = affine(node, view, axis)
            if outer is None or not (outer.x in graph.inputs or (outer.x, axis) in chains):
                continue
            inner, before = chains.get((outer.x, axis), (None, []))
            total = outer if inner is None else outer.after(inner)
            chains[node.outputs[0], axis] = total, [*before, node.outputs[0]]
            if total.spread > RAW_SPREAD:
                found.update(dict.fromkeys((*before, node.outputs[0]), _REASON))
    return found
