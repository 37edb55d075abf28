"""One ONNX node after another through its import rule into the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from edgeconv.core import Array, Shape, TensorType, type_of
from edgeconv.errors import EdgeconvError, InvalidModelError, UnsupportedModelError
from edgeconv.graph import Emitter, Graph
from edgeconv.graph.shapes import shape_expression
from edgeconv.importer.decode import attribute_value
from edgeconv.ops.base import Expr, Ref, ShapeError
from edgeconv.ops.identity import Identity
from edgeconv.ops.onnx_rules import RULES, ImportRule, Unsupported, find_rule

__all__ = ["GraphBuilder", "node_label"]


def node_label(node: onnx.NodeProto) -> str:
    """How messages call a node: "Conv '/features/0/Conv'"."""
    return f"{node.op_type} {node.name or (node.output[0] if node.output else '')!r}"


class GraphBuilder:
    """Collects inputs, constants and nodes; `finish` gives the graph."""

    def __init__(self, opsets: Mapping[str, int], folder: Path | None) -> None:
        self._opsets, self._folder = opsets, folder
        self._emitter = Emitter({})
        self._known: dict[str, Ref] = {}
        self._lazy: dict[str, Callable[[], Array]] = {}
        self._inputs: list[str] = []

    def add_input(self, name: str, dtype: str, shape: Shape) -> None:
        """A graph input."""
        self._inputs.append(name)
        self._define(name, TensorType(dtype, shape))

    def add_lazy_constant(self, name: str, value: Callable[[], Array]) -> None:
        """A constant that is decoded when a node first uses it."""
        self._lazy[name] = value

    def _define(self, name: str, known: TensorType) -> None:
        self._emitter.types[name] = known
        self._known[name] = Ref(name, known)

    def _ref(self, name: str, where: str) -> Ref:
        if name not in self._known and name in self._lazy:
            self._define(name, type_of(self._lazy.pop(name)()))
        if name not in self._known:
            raise InvalidModelError(f"{where} reads {name!r}, which nothing before it defines; the model is damaged")
        return self._known[name]

    def add_node(self, node: onnx.NodeProto) -> None:
        """Import one node."""
        where = node_label(node)
        rule = self.rule(node)
        inputs = [self._ref(name, where) if name else None for name in node.input]
        attributes = {a.name: attribute_value(a, self._folder, where) for a in node.attribute}
        results = self._apply(rule, inputs, attributes, len(node.output), where)
        names = list(node.output)
        self._record(results, names, node.name or names[0])

    def rule(self, node: onnx.NodeProto) -> ImportRule:
        """The rule that imports `node`; UnsupportedModelError where there is none."""
        where = node_label(node)
        domain = "" if node.domain == "ai.onnx" else node.domain
        opset = self._opsets.get(domain or "ai.onnx", 1)
        rule = find_rule(domain, node.op_type, opset)
        if rule is not None:
            return rule
        shown = f"{domain}::{node.op_type}" if domain else node.op_type
        if (domain, node.op_type) in RULES:
            oldest = RULES[domain, node.op_type][0][0]
            raise UnsupportedModelError(f"{where}: {shown} is supported from opset {oldest}, the model has {opset}")
        raise UnsupportedModelError(
            f"{where}: the operator {shown} is not supported; `edgeconv inspect --support MODEL` lists all such nodes"
        )

    def _apply(
        self, rule: ImportRule, inputs: Sequence[Ref | None], attributes: dict[str, Any], outputs: int, where: str
    ) -> list[Expr | None]:
        signature = inspect.signature(rule)
        if "outputs" in signature.parameters:
            attributes["outputs"] = outputs
        try:
            bound = signature.bind(*inputs, **attributes)
        except TypeError as error:
            raise UnsupportedModelError(
                f"{where}: {error}; edgeconv does not know this form of the operator"
            ) from error
        for name, parameter in signature.parameters.items():
            required = parameter.default is inspect.Parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
            if required and bound.arguments.get(name, 0) is None:
                raise InvalidModelError(f"{where}: its input {name!r} is missing")
        try:
            results = rule(*bound.args, **bound.kwargs)
            return list(results) if isinstance(results, tuple) else [results]
        except Unsupported as error:
            raise UnsupportedModelError(f"{where}: {error}") from error
        except ShapeError as error:
            raise self._shape_error(error, where) from error

    def _shape_error(self, error: ShapeError, where: str) -> EdgeconvError:
        dynamic = [name for name in self._inputs if not self._emitter.types[name].is_static]
        hint = ""
        if dynamic:
            known = self._emitter.types[dynamic[0]]
            hint = f"; if the dynamic shape of {dynamic[0]!r} ({known}) is the cause, fix it with --input-shape"
        return InvalidModelError(f"{where}: {error}{hint}")

    def _record(self, results: Sequence[Expr | None], names: list[str], label: str) -> None:
        taken = [self._emitter.fresh(name) if name and name in self._emitter.types else name for name in names]
        try:
            found = self._emitter.emit(results, taken, label)
        except ShapeError as error:
            raise self._shape_error(error, label) from error
        for name, unique in zip(names, taken, strict=True):
            if name and unique in found:
                self._known[name] = self._settled(found[unique])

    def _settled(self, ref: Ref) -> Ref:
        """A shape that holds symbols, as one operator on an input instead of the subgraph that computes it."""
        if ref.value is None or ref.value.dtype != object:
            return ref
        sources = [Ref(name, self._emitter.types[name]) for name in self._inputs]
        expression = shape_expression(ref.value, sources)
        if expression is None:
            return ref
        name = self._emitter.fresh(f"{ref.name}.dims")
        placed = self._emitter.emit([expression], [name], ref.name)[name]
        self._emitter.types[name] = TensorType(ref.type.dtype, ref.type.shape, None, ref.value)
        return Ref(placed.name, self._emitter.types[name])

    def finish(self, outputs: Sequence[str]) -> Graph:
        """The graph with these outputs; an output that no node computes becomes an Identity."""
        refs = [self._ref(name, f"the output {name!r}") for name in outputs]
        produced = {name for node in self._emitter.nodes for name in node.outputs}
        final: list[str] = []
        for name, ref in zip(outputs, refs, strict=True):
            if ref.name in produced and ref.name == name and name not in final:
                final.append(name)
                continue
            unique = self._emitter.fresh(name)
            self._emitter.emit([Identity()(ref)], [unique], name)
            final.append(unique)
        graph = Graph(self._emitter.nodes, self._emitter.types, list(self._inputs), final)
        graph.prune()
        return graph
