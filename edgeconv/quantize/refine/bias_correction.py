"""Sequential bias correction: layer after layer, the bias takes back the mean error of all that was rounded before it.

b += E[W x] - E[Wq xq] per output channel, where xq is what the int8 network, corrected so far, really feeds the layer
(Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2, on
calibration samples instead of distributions). An operator with a weight is linear before its clamp, so the mean
response is the response to the mean input: no more than one float and one int8 pass over the samples is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from math import inf

import numpy as np

from edgeconv.core import Array, QParams, dequantize, type_of
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Operator
from edgeconv.quantize.refine.stepper import Stepper

__all__ = ["correct_biases"]

_INT32_LIMIT = 2**31 - 1


def correct_biases(graph: Graph, lowered: Graph, batches: Sequence[Mapping[str, Array]]) -> int:
    """Correct, in place, the bias of every int8 node of `lowered` that has one; returns how many.

    `graph` is the float graph that `lowered` came from; `batches` are a few calibration batches, held in memory.
    """
    floats = [Stepper(graph, batch) for batch in batches]
    integers = [Stepper(lowered, batch) for batch in batches]
    originals = graph.producers()
    corrected = 0
    for node in lowered.nodes:
        original = originals.get(node.outputs[0])
        if original is None or not _has_int8_bias(lowered, node):
            continue
        for stepper in (*floats, *integers):
            stepper.advance_to(node.outputs[0])
        error = _response(graph, original, floats) - _response(lowered, node, integers)
        name = node.inputs[_rule_position(node.op, "bias")]
        bias = _shifted(lowered, node, error)
        lowered.types[name] = type_of(bias, lowered.types[name].q)
        for stepper in integers:
            stepper.set_constant(name, bias)
        corrected += 1
    return corrected


def _has_int8_bias(lowered: Graph, node: Node) -> bool:
    position = _rule_position(node.op, "bias")
    if position < 0 or position >= len(node.inputs) or not node.inputs[position]:
        return False
    return lowered.types[node.inputs[0]].dtype == "int8" and lowered.constant(node.inputs[position]) is not None


def _rule_position(op: Operator, role: str) -> int:
    position = getattr(op.quant, role, None)
    return -1 if position is None else int(position)


def _response(graph: Graph, node: Node, steppers: Sequence[Stepper]) -> Array:
    """Mean output (channels,) of a node without clamp, on what its inputs are in `steppers`."""
    total, count = 0.0, 0
    for stepper in steppers:
        x = stepper.value(node.inputs[0])
        total = total + x.sum(axis=0, dtype=np.float64)
        count += x.shape[0]
    mean = np.asarray(total / count)[None]
    q = graph.types[node.inputs[0]].q
    if q is not None:
        mean = (mean - q.zero_point[0]) * q.scale[0]
    constants = [_real(graph, name, node) for name in node.inputs[1:]]
    y = np.asarray(_linear(node.op).run(mean, *constants))
    channel = node.op.channel_axis % y.ndim
    response: Array = y.mean(axis=tuple(axis for axis in range(y.ndim) if axis != channel))
    return response


def _real(graph: Graph, name: str, node: Node) -> Array | None:
    """A constant input in real units, float64."""
    if not name:
        return None
    value = graph.constant(name)
    assert value is not None
    q = graph.types[name].q or (_bias_q(graph, node) if value.dtype == np.int32 else None)
    return (value if q is None else dequantize(value, q)).astype(np.float64)


def _bias_q(graph: Graph, node: Node) -> QParams:
    """Parameters of the bias: scale_x * scale_w."""
    weight_q = graph.types[node.inputs[_rule_position(node.op, "weight")]].q
    x_q = graph.types[node.inputs[0]].q
    assert weight_q is not None and x_q is not None
    return QParams(tuple(scale * x_q.scale[0] for scale in weight_q.scale), (0,) * len(weight_q.scale), 0)


def _shifted(graph: Graph, node: Node, error: Array) -> Array:
    name = node.inputs[_rule_position(node.op, "bias")]
    bias = graph.constant(name)
    assert bias is not None
    steps = np.rint(error / np.array(_bias_q(graph, node).scale, np.float64))
    shifted: Array = np.clip(bias.astype(np.float64) + steps, -_INT32_LIMIT, _INT32_LIMIT).astype(np.int32)
    return shifted


def _linear(op: Operator) -> Operator:
    """The operator without its clamp."""
    if {"low", "high"} <= {field.name for field in fields(op)}:  # type: ignore[arg-type]
        return replace(op, low=-inf, high=inf)  # type: ignore[type-var]
    return op
