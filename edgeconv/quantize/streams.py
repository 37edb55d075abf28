"""Residual streams: what one block adds to and the next multiplies, in 16 bits, with a copy in 8 bits for the products.

Every block adds to the stream, and what rounding it costs comes together along the way; a copy is rounded for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.ops.concat import Concat
from edgeconv.quantize.refine.stepper import first_rows
from edgeconv.quantize.sensitivity import FREE, LEAST_NOISE, RATING_ROWS, Group, groups_of, macs_of
from edgeconv.quantize.simulate import Simulation

if TYPE_CHECKING:
    from edgeconv.quantize.pipeline import Prepared

__all__ = ["split_streams"]

_CLEARLY = 0.1
"""Of the noise of all activations; below that, half a decibel, copies are not worth their time."""


def split_streams(prepared: Prepared, batch: Mapping[str, Array]) -> tuple[Prepared, tuple[str, ...]]:
    """With copies of the streams whose rounding the network's output shows, and these streams, to be held wider."""
    graph, macs = prepared.graph, macs_of(prepared.graph, batch)
    most, readers = FREE * sum(macs.values()), graph.consumers()
    layers = {key for key, count in macs.items() if count > most}
    taken = {*graph.inputs, *graph.outputs, *prepared.selection.wide}

    def is_stream(group: Group) -> bool:
        name, *others = group.names
        nodes, multiplied = readers.get(name, []), layers & group.multipliers
        added = [node for node in nodes if node.outputs[0] not in multiplied or name in node.inputs[3:]]
        is_open = group.can_be_int16 and not others and name not in taken and _copy(name) not in graph.types
        return is_open and bool(multiplied and added)

    found = [group.names[0] for group in groups_of(prepared) if is_stream(group)]
    if found:
        found = _worth_it(prepared, found, layers, first_rows(graph, batch, RATING_ROWS))
    seen, ranges = dict(prepared.statistics), dict(prepared.ranges)
    for name in found:
        seen[_copy(name)], ranges[_copy(name)] = seen[name], ranges[name]
    graph = _with_copies(graph, found, layers)
    return replace(prepared, graph=graph, statistics=seen, ranges=ranges), tuple(found)


def _worth_it(prepared: Prepared, streams: list[str], layers: set[str], rows: Mapping[str, Array]) -> list[str]:
    """The streams whose rounding costs more than that of their copies would; none where all together gain little."""
    q, noise = prepared.qparams, Simulation(prepared.graph, rows, prepared.narrow).noise
    split = Simulation(_with_copies(prepared.graph, streams, layers), rows, {})
    gains = {each: split.noise_with({each: q[each]}) - split.noise_with({_copy(each): q[each]}) for each in streams}
    found = [name for name, gain in gains.items() if gain >= LEAST_NOISE * noise]
    return found if sum(gains[name] for name in found) >= _CLEARLY * noise else []


def _copy(name: str) -> str:
    return f"{name}.narrow"


def _with_copies(graph: Graph, streams: list[str], layers: set[str]) -> Graph:
    """`graph`, with `layers` that multiply copies of the streams. A Concat of one is a copy at another scale."""
    result = graph.copy()
    result.nodes = []
    for node in graph.nodes:
        rule = node.op.quant
        last = 1 if rule is not None and rule.weight is not None else None
        read = [_copy(x) if x in streams and node.outputs[0] in layers else x for x in node.inputs[:last]]
        result.nodes.append(replace(node, inputs=(*read, *node.inputs[len(read) :])))
        for name in node.outputs:
            if name in streams:
                result.types[_copy(name)] = graph.types[name]
                result.nodes.append(Node(Concat(0), (name,), (_copy(name),), _copy(name)))
    result.check("streams")
    return result
