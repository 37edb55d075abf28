"""A model that came quantized -> its int8 graph, with its own scales, zero points and integers; no calibration.

scale the grids of weights -> join the pairs -> spread parameters over movements, bounds and chains of functions ->
select -> lower

A node becomes int8 where everything that it reads and writes is quantized; between a DequantizeLinear and a
QuantizeLinear it otherwise stays in float, as in the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import isinf

import numpy as np

from edgeconv.core import QParams
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Operator, QuantRule
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.mul import Div
from edgeconv.ops.qdq import DequantizeLinear, QuantizeLinear
from edgeconv.ops.quantize import Quantize
from edgeconv.quantize.grids import own_parameters
from edgeconv.quantize.lower import lower
from edgeconv.quantize.pairs import Joined, is_quantized, join_pairs, parameters_of
from edgeconv.quantize.scale_grids import scale_grids
from edgeconv.quantize.select import Selection, activation_inputs, is_table, obstacle

__all__ = ["adopt", "is_quantized"]

_UNROUNDED = QParams.per_tensor(1.0, 0)
"""Stands at values inside a chain of functions, which becomes one table: nothing ever holds them."""


def adopt(graph: Graph, excluded: Mapping[str, str]) -> Graph:
    """The int8 form of a simplified graph that came quantized. `excluded`: first output -> why it stays in float."""
    graph, apart = scale_grids(graph), set[str]()
    while True:
        work = _Adoption.of(join_pairs(graph, apart), excluded)
        more = work.unrounded()
        if not more:
            break
        apart |= more
    work.graph.nodes = [_stepwise(node) if work.selection.has(node) else node for node in work.graph.nodes]
    lowered = lower(work.graph, work.selection, work.qparams, work.own, work.inside)
    _skip_detours(lowered)
    return lowered


@dataclass
class _Adoption:
    """The joined graph, parameters by value, and the nodes that become int8.

    `own`: the weights that came as integers. `inside`: values within a chain of functions.
    """

    graph: Graph
    qparams: dict[str, QParams]
    sources: Mapping[str, str]
    own: dict[str, QParams]
    inside: frozenset[str]
    selection: Selection

    @staticmethod
    def of(joined: Joined, excluded: Mapping[str, str]) -> _Adoption:
        """Spread the parameters, and select."""
        graph, qparams = joined.graph, dict(joined.qparams)
        _spread_back(graph, qparams)
        _spread_on(graph, qparams)
        inside = _chains(graph, qparams)
        if _spread_over_bounds(graph, qparams):
            _spread_on(graph, qparams)
        own = _constants(graph, qparams)
        work = _Adoption(graph, qparams, joined.sources, own, inside, Selection())
        for node in graph.nodes:
            reason = excluded.get(node.outputs[0]) or work.reason(node)
            if reason is None:
                work.selection.int8.add(node.outputs[0])
            elif any(graph.types[name].is_float for name in node.outputs if name):
                work.selection.reasons[node.outputs[0]] = reason
        return work

    def reason(self, node: Node) -> str | None:
        """Why `node` stays in float, or None."""
        found = _float_in_source(node) or obstacle(self.graph, node)
        if found is not None:
            return found
        rule, graph = node.op.quant or QuantRule(), self.graph
        for position in activation_inputs(graph, node):
            name = node.inputs[position]
            if name not in self.qparams and not (graph.constant(name) is not None and is_table(graph, node)):
                return f"its input {name!r} is not quantized in the source"
        if any(name not in self.qparams for name in node.outputs if name):
            return "its output is not quantized in the source"
        weight = "" if rule.weight is None else node.inputs[rule.weight]
        if weight and graph.constant(weight) is not None and weight not in self.own:
            return "its weight is not quantized in the source"
        return None

    def unrounded(self) -> set[str]:
        """Values whose pair cannot be joined after all, since what computes or reads them stays in float."""
        producers, consumers = self.graph.producers(), self.graph.consumers()
        found = set()
        for name, source in self.sources.items():
            node = producers.get(name)
            readers = consumers.get(name, []) if node is None else [node]
            if not all(map(self.selection.has, readers)):
                found.add(source)
        return found


def _float_in_source(node: Node) -> str | None:
    """Why `node` stays in float, whatever its values have."""
    if isinstance(node.op, (QuantizeLinear, DequantizeLinear)):
        return "the model's own integers begin or end here"
    return "it computes in float in the source" if node.op.quant is not None and node.op.quant.weight_only else None


def _spread_on(graph: Graph, qparams: dict[str, QParams]) -> None:
    """Movements hand their input's parameters on; where their output has others, a change of scale follows."""
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(node)
        q = qparams.get(node.inputs[0]) if _moves(node) else None
        if q is None:
            continue
        for place, name in enumerate(node.outputs):
            if not name or not graph.types[name].is_float or qparams.setdefault(name, q) == q:
                continue
            moved = f"{name}.moved"
            graph.types[moved], qparams[moved] = graph.types[name], q
            first = nodes[-1]
            nodes[-1] = replace(first, outputs=(*first.outputs[:place], moved, *first.outputs[place + 1 :]))
            nodes.append(Node(Clamp(), (moved,), (name,), node.name))
    graph.nodes = nodes


def _spread_back(graph: Graph, qparams: dict[str, QParams]) -> None:
    """What only a movement reads may be rounded before it as well as behind it."""
    consumers = graph.consumers()
    for node in reversed(graph.nodes):
        q = qparams.get(node.outputs[0]) if _moves(node) and len(node.outputs) == 1 else None
        name = node.inputs[0] if node.inputs else ""
        if q is None or name in qparams or name in graph.outputs or graph.constant(name) is not None:
            continue
        if consumers[name] == [node] and graph.types[name].is_float:
            qparams[name] = q


def _spread_over_bounds(graph: Graph, qparams: dict[str, QParams]) -> bool:
    """Bounds that are on the grid of a value (Relu's 0 always is) leave it there, rounded or not in the source."""
    found = False
    for node in graph.nodes:
        q = qparams.get(node.inputs[0]) if isinstance(node.op, Clamp) else None
        if q is None or not isinstance(node.op, Clamp) or node.outputs[0] in qparams:
            continue
        bounds = np.array([bound for bound in (node.op.low, node.op.high) if not isinf(bound)], np.float32)
        scale = np.float32(q.scale[0])
        if (np.rint(bounds / scale) * scale == bounds).all():
            qparams[node.outputs[0]], found = q, True
    return found


def _moves(node: Node) -> bool:
    return node.op.quant is not None and node.op.quant.shared


def _chains(graph: Graph, qparams: dict[str, QParams]) -> frozenset[str]:
    """Values within chains of functions between two quantized values: they become one table."""
    consumers, found = graph.consumers(), set[str]()
    for node in graph.nodes:
        if not is_table(graph, node) or not any(name in qparams for name in node.inputs):
            continue
        chain: list[str] = []
        end = node.outputs[0]
        while end not in qparams and end not in graph.outputs and len(consumers[end]) == 1:
            chain.append(end)
            following = consumers[end][0]
            if not is_table(graph, following):
                break
            end = following.outputs[0]
        if end in qparams:
            found.update(chain)
            qparams.update(dict.fromkeys(chain, _UNROUNDED))
    return frozenset(found)


def _constants(graph: Graph, qparams: dict[str, QParams]) -> dict[str, QParams]:
    """Parameters of the weights that came as integers; those of constant activations go to `qparams`."""
    own: dict[str, QParams] = {}
    for node in graph.nodes:
        rule = node.op.quant or QuantRule()
        for position in activation_inputs(graph, node):
            _find(graph, node.inputs[position], None, qparams)
        weights = [] if rule.weight is None else [(rule.weight, rule.weight_axis)]
        for position, axis in (*weights, *rule.weight_only):
            if position < len(node.inputs):
                _find(graph, node.inputs[position], axis, own)
    return own


def _find(graph: Graph, name: str, axis: int | None, into: dict[str, QParams]) -> None:
    value = graph.constant(name) if name and name not in into else None
    q = None if value is None else own_parameters(value, axis, graph.grids)
    if q is not None:
        into[name] = q


def _stepwise(node: Node) -> Node:
    """The node with the roundings of the source, where its operator has a choice."""
    if isinstance(node.op, Div) or "stepwise" not in {field.name for field in fields(node.op)}:
        return node
    op: Operator = replace(node.op, stepwise=True)  # type: ignore[call-arg]  # it has the field
    return replace(node, op=op)


def _skip_detours(lowered: Graph) -> None:
    """u -> QuantizeLinear -> DequantizeLinear -> Quantize of the same parameters: Quantize of u."""
    producers = lowered.producers()
    for position, node in enumerate(lowered.nodes):
        last = producers.get(node.inputs[0]) if isinstance(node.op, Quantize) else None
        first = None if last is None else producers.get(last.inputs[0])
        q = lowered.types[node.outputs[0]].q
        if first is not None and q is not None and q == parameters_of(lowered, last) == parameters_of(lowered, first):
            lowered.nodes[position] = replace(node, inputs=(first.inputs[0],))
    lowered.prune()
