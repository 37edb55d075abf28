"""Quantization parameters of every value that an int8 node reads or writes."""

from __future__ import annotations

from collections.abc import Mapping

from edgeconv.core import QParams
from edgeconv.graph import Graph, Node
from edgeconv.quantize.observers import Observer
from edgeconv.quantize.observers.minmax import minmax_range
from edgeconv.quantize.ranges import activation_qparams, constant_qparams, wide_qparams
from edgeconv.quantize.select import Selection, activation_inputs
from edgeconv.quantize.statistics import Statistics

__all__ = ["assign", "observed_values", "scale_roots"]


def observed_values(graph: Graph, selection: Selection) -> list[str]:
    """The values that become int8: activations of int8 nodes, their inputs and outputs."""
    found: dict[str, None] = {}
    for node in graph.nodes:
        if selection.has(node):
            found.update(dict.fromkeys(node.inputs[i] for i in activation_inputs(graph, node)))
            found.update(dict.fromkeys(name for name in node.outputs if name and graph.types[name].is_float))
    return list(found)


def scale_roots(graph: Graph, selection: Selection) -> dict[str, str]:
    """Value -> the value whose parameters it shares, where int8 nodes only move data."""
    roots: dict[str, str] = {}
    for node in graph.nodes:
        if selection.has(node) and node.op.quant is not None and node.op.quant.shared:
            source = node.inputs[0]
            roots.update((name, roots.get(source, source)) for name in node.outputs if name)
    return roots


def assign(
    graph: Graph, selection: Selection, statistics: Mapping[str, Statistics], observer: Observer
) -> dict[str, QParams]:
    """The parameters of every value of `observed_values`."""
    roots = scale_roots(graph, selection)
    producers = graph.producers()
    found: dict[str, QParams] = {}
    for name in observed_values(graph, selection):
        root = roots.get(name, name)
        if root not in found:
            if root in selection.wide:
                found[root] = wide_qparams(*minmax_range(statistics[root]))
            else:
                found[root] = _qparams(graph, root, producers.get(root), statistics, observer)
        found[name] = found[root]
    return _joined_states(graph, roots, found)


def _joined_states(graph: Graph, roots: Mapping[str, str], found: dict[str, QParams]) -> dict[str, QParams]:
    """A state has the parameters of the output that it comes from: its integers are handed on as they are."""
    for source, target in graph.states.items():
        if source in found and target in found:
            found.update((name, found[target]) for name in found if name == source or roots.get(name) == source)
    return found


def _qparams(
    graph: Graph, name: str, producer: Node | None, statistics: Mapping[str, Statistics], observer: Observer
) -> QParams:
    rule = producer.op.quant if producer is not None else None
    if rule is not None and rule.output is not None:
        return rule.output
    value = graph.constant(name)
    if value is not None:
        return constant_qparams(value)
    return activation_qparams(*observer(statistics[name]))
