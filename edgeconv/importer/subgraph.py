"""Graph attributes as import rules see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx

from edgeconv.core import Shape, TensorType
from edgeconv.dims import symbol
from edgeconv.errors import UnsupportedModelError
from edgeconv.export.program import to_program
from edgeconv.importer.scope import Around, Scope
from edgeconv.ops.base import Ref
from edgeconv.ops.onnx_rules import Result, Subgraph, Traced, Unsupported, Value
from edgeconv.runtime.layout import MAX_NESTING

if TYPE_CHECKING:
    from edgeconv.importer.build import GraphBuilder

__all__ = ["OnnxSubgraph", "opaque"]


class OnnxSubgraph(Subgraph):
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

    def hands_on(self, output: int, source: int, by: Sequence[str] = ("Identity",)) -> bool:
        """Is an output the input `source` itself, nodes of the types `by` aside?"""
        name = self._graph.output[output].name
        for node in reversed(self._graph.node):
            if name in node.output and node.op_type in by:
                name = node.input[0]
        return bool(name == self._graph.input[source].name)

    def inline(self, values: Sequence[Result] = ()) -> tuple[Value, ...]:
        """Import its nodes into the graph around it."""
        return self._builder.inline(self._graph, values, self._scope)

    def trace(
        self,
        inputs: Sequence[TensorType] = (),
        values: Callable[[Sequence[Ref]], Sequence[Result]] | None = None,
        skip: int = 0,
    ) -> Traced:
        """Import it as a program of its own."""
        from edgeconv.importer.build import GraphBuilder

        outer = self._builder
        if outer.level >= MAX_NESTING:
            raise Unsupported(f"it stands in {MAX_NESTING} others that are only known at run time")
        scope = replace(self._scope, values={}, lazy={}, parent=None, depth=self._scope.depth + 1)
        inner = GraphBuilder(scope, outer.folder, outer.functions, Around(outer, self._scope))
        refs = [inner.add_input(f"in.{place}", *_plain(known)) for place, known in enumerate(inputs)]
        scope.values.clear()
        results = inner.inline(self._graph, refs if values is None else values(refs), scope)[skip:]
        outer.absorb(inner)
        names = [value.name if isinstance(value, Ref) else f"output {place}" for place, value in enumerate(results)]
        scope.values.update(zip(names, results, strict=True))
        try:
            graph = inner.finish(names)
        except UnsupportedModelError as error:
            raise Unsupported(str(error)) from error
        graph.check("import")
        return Traced(to_program(graph), tuple(inner.read.values()))


def opaque(known: TensorType) -> TensorType:
    """The type with dimensions that are plain symbols, as inputs of programs have them."""
    return TensorType(*_plain(known))


def _plain(known: TensorType) -> tuple[str, Shape]:
    return known.dtype, tuple(dim if isinstance(dim, int) else symbol(str(dim)) for dim in known.shape)
