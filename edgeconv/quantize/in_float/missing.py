"""Values that are missing: NaN, which no integer stands for, up to the operators that give it a meaning."""

from __future__ import annotations

from edgeconv.graph import Graph
from edgeconv.graph.gaps import gaps

__all__ = ["missing"]


def missing(graph: Graph) -> dict[str, str]:
    """First output -> reason, of the nodes that read what has gaps and do not make something of them themselves."""
    held = gaps(graph)
    return {
        node.outputs[0]: f"NaN in the input {min(held[name])!r} stands for missing values, which int8 cannot hold"
        for node in graph.nodes
        if not node.op.reads_nan
        for name in node.inputs
        if name in held
    }
