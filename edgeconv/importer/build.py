"""One ONNX node after another through its import rule into the graph; functions and folded branches in their place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from edgeconv.core import Array, Shape, TensorType, type_of
from edgeconv.errors import EdgeconvError, InvalidModelError, RunTimeInputError, UnsupportedModelError
from edgeconv.graph import Emitter, Graph
from edgeconv.graph.shapes import any_shape_expression
from edgeconv.importer.arguments import NO_TENSORS, call_rule
from edgeconv.importer.decode import attribute_value, sparse_value, tensor_decoder
from edgeconv.importer.functions import Functions, function_scope, schema_function
from edgeconv.importer.order import needed
from edgeconv.importer.scope import Around, Scope, node_label
from edgeconv.importer.strings import Numbering
from edgeconv.importer.subgraph import OnnxSubgraph, opaque
from edgeconv.ops.base import Call, Expr, Ref, ShapeError
from edgeconv.ops.identity import Identity
from edgeconv.ops.onnx_rules import (
    RULES,
    AtRunTime,
    ImportRule,
    Items,
    Names,
    Noted,
    Nothing,
    Result,
    Unsupported,
    Value,
    find_rule,
)

__all__ = ["GraphBuilder"]

_DEEPEST = 64  # functions and subgraphs inside each other
_MOST_NODES = 1_000_000  # nodes once all functions are written out


class GraphBuilder:
    """Collects inputs, constants and nodes; `finish` gives the graph.

    `count`: nodes imported so far, those inside functions and branches included. A builder of a program inside an
    operator stands in another (`around`); `read` are the values of that one which it needs, by their name here.
    """

    def __init__(
        self, scope: Scope, folder: Path | None, functions: Functions | None = None, around: Around | None = None
    ) -> None:
        self.scope, self.folder, self.functions = scope, folder, functions or {}
        self.count: int = 0 if around is None else around.builder.count
        self._emitter = Emitter({})
        self._inputs: list[str] = []
        self._around = around
        self.read: dict[str, Ref] = {}
        self._notes: list[str] = []
        self.strings = Numbering(onnx.GraphProto(), [])

    def add_input(self, name: str, dtype: str, shape: Shape) -> Ref:
        """A graph input."""
        self._inputs.append(name)
        return self._define(name, TensorType(dtype, shape), self.scope)

    def add_lazy_constant(self, name: str, value: Callable[[], Array], scope: Scope | None = None) -> None:
        """A constant that is decoded when a node first uses it."""
        (scope or self.scope).lazy[name] = value

    def _define(self, name: str, known: TensorType, scope: Scope) -> Ref:
        ref = Ref(self._emitter.fresh(name), known)
        self._emitter.types[ref.name] = known
        scope.values[name] = ref
        return ref

    @property
    def sources(self) -> list[Ref]:
        """The inputs, whose shapes others may be computed from."""
        return [Ref(name, self._emitter.types[name]) for name in self._inputs]

    @property
    def level(self) -> int:
        """How many builders stand around this one."""
        return 0 if self._around is None else self._around.builder.level + 1

    def absorb(self, inner: GraphBuilder) -> None:
        """Count the nodes of a program inside an operator, and keep the notes on them."""
        self.count = inner.count
        self._notes.extend(inner._notes)

    def value(self, name: str, where: str, scope: Scope) -> Value:
        """What `name` stands for in `scope`; InvalidModelError where that is nothing."""
        seen: Scope | None = scope
        while seen is not None:
            if name not in seen.values and name in seen.lazy:
                self._define(name, type_of(seen.lazy.pop(name)()), seen)
            if name in seen.values:
                return seen.values[name]
            seen = seen.parent
        if self._around is not None:
            outer = self._around.builder.value(name, where, self._around.scope)
            self.scope.values[name] = self._inherited(outer)
            return self.scope.values[name]
        raise InvalidModelError(f"{where} reads {name!r}, which nothing before it defines; the model is damaged")

    def _inherited(self, value: Value) -> Value:
        """A value of the builder around this one, as a value of this one."""
        if isinstance(value, Items):
            inner = [self._inherited(each) for each in value.values if isinstance(each, Ref)]
            return Items(tuple(each for each in inner if isinstance(each, Ref)))
        if not isinstance(value, Ref):
            return value
        known = next((Ref(name, self._emitter.types[name]) for name, ref in self.read.items() if ref == value), None)
        if known is not None:
            return known
        name = self._emitter.fresh(value.name)
        if value.value is not None and value.value.dtype != object:
            self._emitter.types[name] = value.type
        elif value.value is not None and (dims := self._shape_around(value)) is not None:
            return self._typed(self._emitter.emit([dims], [name], name)[name], value.type)
        else:
            self._inputs.append(name)
            self.read[name] = value
            self._emitter.types[name] = opaque(value.type)
        return Ref(name, self._emitter.types[name])

    def _shape_around(self, ref: Ref) -> Expr | None:
        """A shape of the builder around this one, computed from a tensor that is read from there."""
        assert self._around is not None and ref.value is not None
        found = any_shape_expression(ref.value, ref.type.dtype, self._around.builder.sources)
        return None if found is None else self._moved(found)

    def _moved(self, call: Call) -> Call:
        """An expression on values of the builder around this one, as one on values of this one."""
        inner = (self._moved(each) if isinstance(each, Call) else self._inherited_ref(each) for each in call.inputs)
        return call.op(*inner)

    def _inherited_ref(self, expr: Expr | None) -> Ref:
        assert isinstance(expr, Ref)
        inner = self._inherited(expr)
        assert isinstance(inner, Ref)
        return inner

    def add_node(self, node: onnx.NodeProto, scope: Scope | None = None) -> None:
        """Import one node."""
        scope = scope or self.scope
        where = node_label(node, scope.label)
        if scope.depth > _DEEPEST:
            raise InvalidModelError(f"{where} stands in more than {_DEEPEST} functions and subgraphs; is it recursive?")
        inputs = [self.value(name, where, scope) if name else None for name in node.input]
        names = list(node.output)
        label = scope.label + (node.name or (names[0] if names else node.op_type))
        results = self._results(node, inputs, scope, where)
        try:
            self._record(results, names, label, scope)
        except ShapeError as error:
            raise self._shape_error(error, where) from error

    def check_known(self, node: onnx.NodeProto) -> None:
        """UnsupportedModelError where neither a rule nor a function of the model imports `node`."""
        if self._function(node) is None:
            self._rule(node, self.scope, node_label(node))

    def _results(self, node: onnx.NodeProto, inputs: Sequence[Value], scope: Scope, where: str) -> Sequence[Result]:
        """What the outputs of `node` are: by its rule, or else by the body of its function."""
        own = self._function(node)
        if own is not None and find_rule(*self._key(node, scope)) is None:
            return self._call(own, node, inputs, scope)
        try:
            rule = self._rule(node, scope, where)
            self.count += 1
            attributes = self._attributes(node, scope, where)
            wanted = inspect.signature(rule).parameters
            if "elements" in wanted:
                attributes["elements"] = [scope.element(*pair) for pair in zip(node.input, inputs, strict=True)]
            if "label" in wanted:
                attributes["label"] = f"{node.op_type}.{self.count}"
            return self._apply(rule, inputs, attributes, len(node.output), where)
        except UnsupportedModelError:
            body = own or self._schema_body(node, inputs, scope)
            if body is None:
                raise
            try:
                return self._call(body, node, inputs, scope)
            except RunTimeInputError:
                raise
            except EdgeconvError:
                pass  # of two reasons, that of the operator itself says more
            raise

    def _key(self, node: onnx.NodeProto, scope: Scope) -> tuple[str, str, int]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        return domain, node.op_type, scope.opsets.get(domain or "ai.onnx", 1)

    def _rule(self, node: onnx.NodeProto, scope: Scope, where: str) -> ImportRule:
        domain, name, opset = self._key(node, scope)
        rule = find_rule(domain, name, opset)
        if rule is not None:
            return rule
        shown = f"{domain}::{name}" if domain else name
        if past := RULES.get((domain, name)):
            raise UnsupportedModelError(f"{where}: {shown} is supported from opset {past[0][0]}, the model has {opset}")
        way_on = "export the model without it, or cut it off before with onnx.utils.extract_model"
        raise UnsupportedModelError(f"{where}: the operator {shown} is not supported; {way_on}")

    def _function(self, node: onnx.NodeProto) -> onnx.FunctionProto | None:
        domain = "" if node.domain == "ai.onnx" else node.domain
        return self.functions.get((domain, node.op_type, node.overload))

    def _schema_body(self, node: onnx.NodeProto, inputs: Sequence[Value], scope: Scope) -> onnx.FunctionProto | None:
        if any(type(value) in NO_TENSORS for value in inputs):
            return None
        types = [value.type if isinstance(value, Ref) else None for value in inputs]
        given = [found for item in node.attribute if (found := scope.resolved(item)) is not None]
        return schema_function(node, given, self._key(node, scope)[2], types)

    def _call(
        self, function: onnx.FunctionProto, node: onnx.NodeProto, inputs: Sequence[Value], scope: Scope
    ) -> Sequence[Result]:
        """The body of a function in the place of the node that calls it."""
        inner = function_scope(function, node, inputs, scope)
        pairs = [*zip(function.output, node.output, strict=False)]
        for each in needed(function.node, (name for name, wanted in pairs if wanted)):
            self.add_node(each, inner)
        where = f"the function {function.name!r}"  # which may not compute what the node does not want
        return [self.value(name, where, inner) if wanted else None for name, wanted in pairs]

    def inline(self, graph: onnx.GraphProto, values: Sequence[Result], outer: Scope) -> tuple[Value, ...]:
        """The nodes of a subgraph in the place of the node that holds it."""
        scope = outer.inside()
        self.add_initializers(graph, scope)
        self._record(values, [value.name for value in graph.input][: len(values)], outer.label, scope)
        for node in needed(graph.node, (value.name for value in graph.output)):
            self.add_node(node, scope)
        return tuple(self.value(value.name, f"the output {value.name!r}", scope) for value in graph.output)

    def add_initializers(self, graph: onnx.GraphProto, scope: Scope | None = None) -> None:
        """The constants of a graph or subgraph, decoded where a node first uses them."""
        for sparse in graph.sparse_initializer:
            self.add_lazy_constant(sparse.values.name, partial(sparse_value, sparse, self.folder), scope)
        for tensor in graph.initializer:
            if tensor.data_type == onnx.TensorProto.STRING and len(tensor.dims) == 1:
                names = tuple(text.decode("utf-8", "replace") for text in tensor.string_data)
                (scope or self.scope).values[tensor.name] = Names(names)
                continue
            self.add_lazy_constant(tensor.name, tensor_decoder(tensor, self.folder), scope)
            (scope or self.scope).elements[tensor.name] = tensor.data_type

    def _attributes(self, node: onnx.NodeProto, scope: Scope, where: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in node.attribute:
            attribute = scope.resolved(item)
            if attribute is None:
                continue
            is_graph = attribute.type == onnx.AttributeProto.GRAPH
            found[item.name] = (
                OnnxSubgraph(attribute.g, self, scope) if is_graph else attribute_value(attribute, self.folder, where)
            )
        return self.strings.numbered(node, found) if scope is self.scope else found

    def _apply(
        self, rule: ImportRule, inputs: Sequence[Value], attributes: dict[str, Any], outputs: int, where: str
    ) -> Sequence[Result]:
        if self.count > _MOST_NODES:
            raise UnsupportedModelError(f"{where}: the model has over {_MOST_NODES:,} nodes, functions written out")
        try:
            found = call_rule(rule, inputs, attributes, outputs, where)
            if isinstance(found, Noted):
                self._notes.append(f"{where}: {found.note}")
                return found.results
            return found if isinstance(found, tuple) else [found]
        except AtRunTime as error:
            refusal = self._run_time_error(error, where)
            if error.instead is None or isinstance(refusal, RunTimeInputError):
                raise refusal from error
            return error.instead
        except Unsupported as error:
            raise UnsupportedModelError(f"{where}: {error}") from error
        except ShapeError as error:
            raise self._shape_error(error, where) from error

    def _run_time_error(self, error: AtRunTime, where: str) -> UnsupportedModelError:
        """The error of a value that is not known; it names the model's input from which the value comes, if one."""
        wanted = {error.ref.name}
        for node in reversed(self._emitter.nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
        sources = [name for name in self._inputs if name in wanted]
        if self._around is not None and len(sources) == 1 and sources[0] in self.read:
            return self._around.builder._run_time_error(error.of(self.read[sources[0]]), where)
        if len(sources) == 1 and self._emitter.types[sources[0]].rank < 2:
            name = sources[0]
            return RunTimeInputError(f"{where}: {error}, or fix its value with --bind {name}=...", name)
        return UnsupportedModelError(f"{where}: {error}")

    def _shape_error(self, error: ShapeError, where: str) -> EdgeconvError:
        dynamic = [name for name in self._inputs if not self._emitter.types[name].is_static]
        hint = ""
        if dynamic:
            known = self._emitter.types[dynamic[0]]
            hint = f"; if the dynamic shape of {dynamic[0]!r} ({known}) is the cause, fix it with --input-shape"
        return InvalidModelError(f"{where}: {error}{hint}")

    def _record(self, results: Sequence[Result], names: list[str], label: str, scope: Scope) -> None:
        tensors: list[Expr | None] = []
        for name, result in zip(names, results, strict=False):
            if isinstance(result, Items):
                scope.values[name] = self._items(result, name, label)
            elif isinstance(result, (Names, Nothing)):
                scope.values[name] = result
            tensors.append(None if isinstance(result, (Items, Names, Nothing)) else result)
        taken = [self._emitter.fresh(name) if name and name in self._emitter.types else name for name in names]
        found = self._emitter.emit(tensors, taken, label)
        for name, unique in zip(names, taken, strict=True):
            if name and unique in found:
                scope.values[name] = self._settled(found[unique])

    def _items(self, items: Items, name: str, label: str) -> Items:
        """The sequence with every tensor in it written out."""
        names = [self._emitter.fresh(f"{name}.{place}") for place in range(len(items.values))]
        found = self._emitter.emit(list(items.values), names, label)
        return Items(tuple(found[each] for each in names))

    def _settled(self, ref: Ref) -> Ref:
        """A shape that holds symbols, as one operator on an input instead of the subgraph that computes it."""
        if ref.value is None or ref.value.dtype != object:
            return ref
        expression = any_shape_expression(ref.value, ref.type.dtype, self.sources, self._computed)
        if expression is None:
            return ref
        name = self._emitter.fresh(f"{ref.name}.dims")
        return self._typed(self._emitter.emit([expression], [name], ref.name)[name], ref.type)

    def _computed(self) -> list[Ref]:
        """The values computed so far whose shapes are not known yet, the last one first."""
        names = (name for node in reversed(self._emitter.nodes) for name in node.outputs if name)
        refs = [Ref(name, self._emitter.types[name]) for name in names]
        return [ref for ref in refs if not ref.type.is_static and ref.value is None]

    def _typed(self, ref: Ref, known: TensorType) -> Ref:
        """The reference with the symbolic value of `known`."""
        self._emitter.types[ref.name] = TensorType(known.dtype, known.shape, None, known.value)
        return Ref(ref.name, self._emitter.types[ref.name])

    def finish(self, outputs: Sequence[str]) -> Graph:
        """The graph with these outputs; an output that no node computes becomes an Identity."""
        outputs = [each for name in outputs for each in self._tensors_of(name)]
        refs = [self._output(name) for name in outputs]
        produced = {name for node in self._emitter.nodes for name in node.outputs}
        final: list[str] = []
        for name, ref in zip(outputs, refs, strict=True):
            if ref.name in produced and ref.name == name and name not in final:
                final.append(name)
                continue
            unique, source = self._emitter.fresh(name), ref
            if unique != name and name not in final and name not in (*produced, *self._inputs):
                source, unique = self._renamed(name, unique), name
            self._emitter.emit([Identity()(source)], [unique], name)
            final.append(unique)
        graph = Graph(self._emitter.nodes, self._emitter.types, list(self._inputs), final)
        graph.grids = tuple(self._emitter.grids)
        graph.add_notes(self._notes)
        graph.prune()
        return graph

    def _tensors_of(self, name: str) -> list[str]:
        """The output `name`, or where it is a sequence those that stand for it."""
        found = self.value(name, f"the output {name!r}", self.scope)
        if self._around is not None or not isinstance(found, Items) or not found.values:
            return [name]
        names = [f"{name}.{place}" for place in range(len(found.values))]
        tensors = zip(names, found.values, strict=True)
        self.scope.values.update((key, value) for key, value in tensors if isinstance(value, Ref))
        self._notes.append(f"the output {name!r} is a sequence; its tensors are {', '.join(map(repr, names))}")
        return names

    def _renamed(self, name: str, other: str) -> Ref:
        """The constant `name` under another name, so that an output can have its own."""
        types, nodes = self._emitter.types, self._emitter.nodes
        types[other] = types.pop(name)
        for place, node in enumerate(nodes):
            if name in node.inputs:
                nodes[place] = replace(node, inputs=tuple(other if each == name else each for each in node.inputs))
        return Ref(other, types[other])

    def _output(self, name: str) -> Ref:
        value = self.value(name, f"the output {name!r}", self.scope)
        if isinstance(value, Ref):
            return value
        kind = NO_TENSORS[type(value)][1]
        raise UnsupportedModelError(
            f"the output {name!r} is {kind}; the device has tensors only: make its tensors outputs, or concatenate them"
        )
