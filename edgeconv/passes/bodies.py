"""Programs inside operators (branches, bodies of loops) go through the same passes as the graph around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgeconv.export.program import from_program, to_program
from edgeconv.graph import Graph
from edgeconv.records import replace as replace_record
from edgeconv.runtime.program import programs_of

__all__ = ["simplify_bodies"]


def simplify_bodies(graph: Graph, simplify: Callable[[Graph], Graph]) -> None:
    """Put `simplify` of every program inside an operator of `graph` in its place."""
    for position, node in enumerate(graph.nodes):
        inner = programs_of(node.op)
        if inner:
            simple = {name: to_program(simplify(from_program(program))) for name, program in inner.items()}
            graph.nodes[position] = replace(node, op=replace_record(node.op, **simple))
