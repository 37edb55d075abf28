"""Graph attributes as import rules see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import onnx

from edgeconv.importer.scope import Scope
from edgeconv.ops.onnx_rules import Value

if TYPE_CHECKING:
    from edgeconv.importer.build import GraphBuilder

__all__ = ["OnnxSubgraph"]


class OnnxSubgraph:
    """A subgraph, the builder at work, and the scope of the node that holds it; `Subgraph` says what it answers."""

    def __init__(self, graph: onnx.GraphProto, builder: GraphBuilder, scope: Scope) -> None:
        self._graph, self._builder, self._scope = graph, builder, scope

    @property
    def inputs(self) -> int:
        """Number of its inputs."""
        return len(self._graph.input)

    @property
    def outputs(self) -> int:
        """Number of its outputs."""
        return len(self._graph.output)

    def inline(self, values: Sequence[Value] = ()) -> tuple[Value, ...]:
        """Import its nodes into the graph around it."""
        return self._builder.inline(self._graph, values, self._scope)
