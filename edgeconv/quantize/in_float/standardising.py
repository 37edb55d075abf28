"""Raw input features of very different sizes, and what brings them to one scale: int8 has one scale before it."""

from __future__ import annotations

from edgeconv.graph import Graph
from edgeconv.passes.linear import RAW_SPREAD, affine
from edgeconv.passes.rewrite import View

__all__ = ["standardising"]

_REASON = "it brings raw input features to one scale, which int8 could not hold before it"


def standardising(graph: Graph) -> dict[str, str]:
    """First output -> reason, of the nodes that scale channels of an input by very different factors."""
    view = View(graph)
    found = {}
    for node in graph.nodes:
        inner = affine(node, view, 1) if graph.types[node.outputs[0]].rank > 1 else None
        if inner is not None and inner.x in graph.inputs and inner.spread > RAW_SPREAD:
            found[node.outputs[0]] = _REASON
    return found
