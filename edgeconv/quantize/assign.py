"""Quantization parameters of every value that an int8 node reads or writes."""

from __future__ import annotations

from collections.abc import Mapping

from edgeconv.core import QParams
from edgeconv.graph import Graph, Node
from edgeconv.ops.pad import Border
from edgeconv.quantize.in_float import Ranges
from edgeconv.quantize.limits import exact_scales
from edgeconv.quantize.observers.minmax import whole_range
from edgeconv.quantize.ranges import TABLE_STEPS, activation_qparams, constant_qparams, wide_qparams
from edgeconv.quantize.select import Selection, activation_inputs, is_table
from edgeconv.quantize.statistics import Statistics

__all__ = ["assign", "observed_values", "scale_roots"]

_MOST_WIDENING = 4.0
"""Times a range may grow for the sake of a border; a border further away stands for infinity, and is clamped."""
_TABLE_SPAN = 510
"""Steps that a table in 16 bits has for the range that int8 would cover: two for one."""


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
    graph: Graph, selection: Selection, statistics: Mapping[str, Statistics], ranges: Ranges
) -> dict[str, QParams]:
    """The parameters of every value of `observed_values`: int8 over its range, 16 bits over all that was seen."""
    roots, producers = scale_roots(graph, selection), graph.producers()
    added, least = _added_values(graph, roots), _least_scales(graph, roots, selection, statistics, ranges)
    found: dict[str, QParams] = {}
    for name in observed_values(graph, selection):
        root = roots.get(name, name)
        if root not in found:
            if root in selection.wide:
                found[root] = wide_qparams(*whole_range(statistics[root]), least.get(root, 0.0))
            else:
                found[root] = _qparams(graph, root, producers.get(root), ranges, added.get(root, 0.0))
        found[name] = found[root]
    return _joined_states(graph, roots, found)


def _least_scales(
    graph: Graph, roots: Mapping[str, str], selection: Selection, statistics: Mapping[str, Statistics], ranges: Ranges
) -> dict[str, float]:
    """Root held in 16 bits -> the smallest scale with tables for its readers, and exact products."""
    found = exact_scales(graph, selection, roots, statistics)
    for node in graph.nodes:
        for at in activation_inputs(graph, node):
            root, rule = roots.get(node.inputs[at], node.inputs[at]), node.op.quant
            if root not in selection.wide or rule is None:
                continue
            low, high = whole_range(statistics[root])
            least = min(rule.reach, high - low) / rule.steps if rule.steps else 0.0
            if is_table(graph, node):
                least = max((ranges[root][1] - ranges[root][0]) / _TABLE_SPAN, (high - low) / TABLE_STEPS)
            found[root] = max(found.get(root, 0.0), least)
    return found


def _joined_states(graph: Graph, roots: Mapping[str, str], found: dict[str, QParams]) -> dict[str, QParams]:
    """A state has the parameters of the output that it comes from: its integers are handed on as they are."""
    for source, target in graph.states.items():
        if source in found and target in found:
            found.update((name, found[target]) for name in found if name == source or roots.get(name) == source)
    return found


def _added_values(graph: Graph, roots: Mapping[str, str]) -> dict[str, float]:
    """Root -> the value furthest from 0 that padding adds to what shares its parameters."""
    found: dict[str, float] = {}
    for node in graph.nodes:
        if isinstance(node.op, Border) and node.outputs[0] in roots:
            root = roots[node.outputs[0]]
            found[root] = max(found.get(root, 0.0), node.op.border, key=abs)
    return found


def _qparams(graph: Graph, name: str, producer: Node | None, ranges: Ranges, added: float) -> QParams:
    """Parameters of a value, which `added` belongs to as well where it does not make the steps much wider."""
    value = graph.constant(name)
    if value is not None:
        return constant_qparams(value)
    low, high = ranges[name]
    if abs(added) <= _MOST_WIDENING * max(-low, high):
        low, high = min(low, added), max(high, added)
    rule, found = producer.op.quant if producer is not None else None, activation_qparams(low, high)
    if rule is not None and rule.output is not None and found.scale[0] > rule.output.scale[0]:
        return rule.output
    return found
