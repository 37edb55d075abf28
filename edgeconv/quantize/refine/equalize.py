"""Cross-layer equalization: channels of an activation brought nearer to one range, the next layer undoing it.

Relu(s z) = s Relu(z) for s > 0, so what a layer's output channels are divided by, the next layer's input channels can
be multiplied by (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019,
section 4.1; here by the ranges that the activations show on calibration samples). Into a depthwise layer or a BatchNorm
this is free, and the ranges become equal; into any other layer it costs precision of its weights, and only about a
third of the way (in the exponent) is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

import numpy as np

from edgeconv.core import Array, type_of
from edgeconv.export.program import to_program
from edgeconv.graph import Graph, Node
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.conv import Conv
from edgeconv.runtime import Interpreter

__all__ = ["EXPONENT", "RESCALED", "equalize"]

RESCALED = "equalize.values"
"""Metadata key: JSON, the names of the values whose channels are scaled, for whoever compares with the original."""
EXPONENT = 0.35
"""How far channels are brought to one range where the next layer's weights pay for it; 1 is all the way."""
_LIMIT = 2.0**-6
"""No channel is amplified more than 64 times."""


def equalize(graph: Graph, batches: Iterable[Mapping[str, Array]], exponent: float = EXPONENT) -> Graph:
    """A copy of the float graph, with the same outputs, whose activations are equalized where layers permit."""
    graph = graph.copy()
    readers = graph.consumers()
    writers = graph.producers()
    pairs = {name: readers.get(name, []) for name, node in writers.items() if _can_scale_output(graph, node)}
    pairs = {
        name: nodes
        for name, nodes in pairs.items()
        if nodes and name not in graph.outputs and all(_can_scale_input(graph, node, name) for node in nodes)
    }
    ranges = _channel_ranges(graph, batches, pairs)
    current = {node.outputs[0]: node for node in graph.nodes}
    for name, nodes in pairs.items():
        power = 1.0 if all(_is_channelwise(graph, node) for node in nodes) else exponent
        factors = _factors(ranges[name], power)
        current[name] = _scale_output(graph, current[name], 1 / factors)
        for node in nodes:
            current[node.outputs[0]] = _scale_input(graph, current[node.outputs[0]], factors)
    if pairs:
        graph.metadata[RESCALED] = json.dumps(sorted(pairs), separators=(",", ":"))
    graph.nodes = [current[node.outputs[0]] for node in graph.nodes]
    graph.prune()
    graph.check("equalize")
    return graph


def _factors(ranges: Array, exponent: float) -> Array:
    """(channels,) in (0, 1]: what the next layer multiplies by; 1 for the widest channel and for dead ones."""
    widest = ranges.max(initial=0.0)
    if widest <= 0:
        return np.ones_like(ranges)
    share = np.where(ranges > 0, ranges / widest, 1.0) ** exponent
    return np.maximum(share, _LIMIT)


def _channel_ranges(graph: Graph, batches: Iterable[Mapping[str, Array]], names: Iterable[str]) -> dict[str, Array]:
    """Largest magnitude of each channel (axis 1)."""
    found: dict[str, Array] = dict.fromkeys(names, np.zeros(1))

    def tap(name: str, array: Array) -> None:
        if name in found:
            axes = tuple(axis for axis in range(array.ndim) if axis != 1)
            found[name] = np.maximum(found[name], np.abs(array).max(axis=axes))

    interpreter = Interpreter(to_program(graph))
    for batch in batches:
        interpreter.run([], batch, tap=tap)
    return found


def _can_scale_output(graph: Graph, node: Node) -> bool:
    op = node.op
    if isinstance(op, Conv):
        scales = op.low in (0.0, -inf) and op.high == inf and len(node.inputs) <= 3
        return scales and _are_constant(graph, node.inputs[1:])
    return isinstance(op, BatchNorm) and _are_constant(graph, node.inputs[1:])


def _can_scale_input(graph: Graph, node: Node, name: str) -> bool:
    constants = _are_constant(graph, node.inputs[1:3] if isinstance(node.op, Conv) else node.inputs[1:])
    is_layer = isinstance(node.op, (Conv, BatchNorm)) and constants
    return is_layer and node.inputs[0] == name and node.inputs.count(name) == 1


def _are_constant(graph: Graph, names: Iterable[str]) -> bool:
    return all(graph.constant(name) is not None for name in names if name)


def _is_channelwise(graph: Graph, node: Node) -> bool:
    if isinstance(node.op, BatchNorm):
        return True
    return isinstance(node.op, Conv) and graph.types[node.inputs[1]].shape[1] == 1


def _scale_output(graph: Graph, node: Node, factors: Array) -> Node:
    if isinstance(node.op, BatchNorm):
        return _with_constants(graph, node, {1: factors, 2: factors})
    weight = graph.types[node.inputs[1]]
    bias = {2: factors} if len(node.inputs) > 2 and node.inputs[2] else {}
    return _with_constants(graph, node, {1: factors.reshape(-1, *(1,) * (weight.rank - 1)), **bias})


def _scale_input(graph: Graph, node: Node, factors: Array) -> Node:
    if isinstance(node.op, BatchNorm):
        # (s x - m) / d = (x - m / s) * s / d
        return _with_constants(graph, node, {1: factors, 3: 1 / factors})
    assert isinstance(node.op, Conv)
    weight = graph.types[node.inputs[1]]
    outputs, per_group = weight.ints[:2]
    rows = factors.reshape(node.op.groups, 1, per_group)
    rows = np.broadcast_to(rows, (node.op.groups, outputs // node.op.groups, per_group))
    scaled = _with_constants(graph, node, {1: rows.reshape(outputs, per_group, *(1,) * (weight.rank - 2))})
    padding = (np.array(node.op.pad_values) / factors).astype(np.float32).tolist() if node.op.pad_values else ()
    return replace(scaled, op=replace(node.op, pad_values=tuple(padding)))


def _with_constants(graph: Graph, node: Node, factors: Mapping[int, Array]) -> Node:
    """The node with some constants multiplied, in float64, rounded once."""
    inputs = list(node.inputs)
    for position, factor in factors.items():
        value = graph.constant(inputs[position])
        assert value is not None
        name = f"{inputs[position]}.eq" if not inputs[position].endswith(".eq") else inputs[position]
        while name in graph.types and name != inputs[position]:
            name += "'"
        graph.types[name] = type_of((value.astype(np.float64) * factor).astype(value.dtype))
        inputs[position] = name
    return replace(node, inputs=tuple(inputs))
