"""Refinement: layer after layer, in the order of the data, on what the int8 network refined so far really computes.

For every layer with a weight the refinements asked for each propose integers; the proposal that reproduces the float
layer best on held-back samples is taken. A refinement that does harm is thus never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

import numpy as np

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.graph import Graph, Node
from edgeconv.ops.integer import bounds
from edgeconv.passes.match import can_clamp, clamped
from edgeconv.quantize.parallel import each
from edgeconv.quantize.refine.columns import columns_of, moments
from edgeconv.quantize.refine.layer import Candidate, LayerData, candidates, error_of, output_of
from edgeconv.quantize.refine.stepper import Stepper, held_back
from edgeconv.quantize.refine.weight_only import round_weights
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import LayerChoice

__all__ = ["refine_layers"]

_FLOAT_STEP = 2.0**-8
"""What counts as a step of the input of a layer that computes in float with int8 weights."""


def refine_layers(
    graph: Graph,
    lowered: Graph,
    batches: Sequence[Mapping[str, Array]],
    refinements: tuple[str, ...],
    budget: TimeBudget | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[LayerChoice], str]:
    """Refine the int8 layers of `lowered` in place; `graph` is the float graph that it came from.

    Returns what was chosen, layer by layer, and why it ended early ("" where it did not). `progress` is called with
    layers done and their number.
    """
    walk = _Walk(graph, lowered, batches, refinements)
    originals = graph.producers()
    todo = [node for node in lowered.nodes if _is_refined(lowered, originals, node, refinements)]
    found: list[LayerChoice | None] = []
    for done, node in enumerate(todo):
        if budget is not None and budget.is_spent:
            return [choice for choice in found if choice is not None], budget.message(done, len(todo), "layers")
        original = originals[node.outputs[0]]
        is_layer = _is_layer(lowered, originals, node)
        found.append(walk.layer(original, node) if is_layer else walk.weights_only(original, node))
        if progress is not None:
            progress(done + 1, len(todo))
    return [choice for choice in found if choice is not None], ""


def _is_refined(lowered: Graph, originals: Mapping[str, Node], node: Node, refinements: tuple[str, ...]) -> bool:
    if _is_layer(lowered, originals, node):
        return True
    rule = node.op.quant
    if "gptq" not in refinements or rule is None or not rule.weight_only or node.outputs[0] not in originals:
        return False
    return all(lowered.types[node.inputs[position]].dtype == "int8" for position, _ in rule.weight_only)


def _is_layer(lowered: Graph, originals: Mapping[str, Node], node: Node) -> bool:
    rule, original = node.op.quant, originals.get(node.outputs[0])
    if rule is None or rule.weight is None or rule.bias is None or original is None:
        return False
    if (clamped(node.op, *bounds(original.op)) if can_clamp(node.op) else node.op) != original.op:
        return False
    weight = lowered.types[node.inputs[rule.weight]]
    is_known = weight.value is not None and weight.dtype == "int8" and weight.q is not None
    return is_known and len(node.inputs) > rule.bias and lowered.constant(node.inputs[rule.bias]) is not None


class _Walk:
    def __init__(
        self, graph: Graph, lowered: Graph, batches: Sequence[Mapping[str, Array]], refinements: tuple[str, ...]
    ) -> None:
        self.graph, self.lowered, self.refinements = graph, lowered, refinements
        self.floats = [Stepper(graph, batch) for batch in batches]
        self.is_sequential = "means" not in refinements
        self.integers = [Stepper(lowered, batch) for batch in batches] if self.is_sequential else []
        self.held_back = held_back(batches)

    def layer(self, original: Node, node: Node) -> LayerChoice | None:
        """Choose the integers of one layer and put them into the graph and the running programs."""
        self._advance(node.outputs[0], [*self.floats, *self.integers])
        rule = node.op.quant
        assert rule is not None and rule.weight is not None and rule.bias is not None
        weight = self.graph.constant(original.inputs[rule.weight])
        assert weight is not None
        split = len(self.floats) - self.held_back
        x, xq = self._columns(original, node, weight, slice(0, split))
        if x is None or xq is None:
            return None
        layer = self._data(original, node, weight, x, xq)
        held, held_q = self._columns(original, node, weight, slice(split, None)) if self.held_back else (x, xq)
        assert held is not None and held_q is not None
        proposals = candidates(layer, self._plain(node, layer), self.refinements)
        wanted = output_of(layer, layer.weight, layer.bias, held)
        errors = {proposal.name: error_of(proposal, layer, wanted, held_q) for proposal in proposals}
        taken = min(proposals, key=lambda proposal: errors[proposal.name])
        self._write(node, taken)
        return _choice(node, taken.name, errors, wanted)

    def _advance(self, name: str, steppers: Sequence[Stepper]) -> None:
        """Run every program until the step that computes `name` is next."""
        each(lambda stepper: stepper.advance_to(name), steppers, self.floats[0].workers)

    def weights_only(self, original: Node, node: Node) -> LayerChoice:
        """Round again the weights of a layer that computes in float."""
        self._advance(original.outputs[0], self.floats)
        errors, outputs = round_weights(self.graph, self.lowered, original, node, self.floats, self.held_back)
        for name in node.inputs:
            if name and self.lowered.constant(name) is not None:
                self._set(name, self.lowered.types[name])
        return _choice(node, min(errors, key=errors.__getitem__), errors, outputs)

    def _columns(self, original: Node, node: Node, weight: Array, batches: slice) -> tuple[Array | None, Array | None]:
        """The input of the float layer and of the int8 one; the same where layers are not refined in sequence."""
        x = columns_of(original.op, weight, self.graph, original, self.floats[batches])
        return x, x if not self.is_sequential else columns_of(
            original.op, weight, self.lowered, node, self.integers[batches]
        )

    def _data(self, original: Node, node: Node, weight: Array, x: Array, xq: Array) -> LayerData:
        rule = original.op.quant
        assert rule is not None and rule.bias is not None
        matrix = original.op.matrix(weight)
        known = len(original.inputs) > rule.bias and bool(original.inputs[rule.bias])
        bias = self.graph.constant(original.inputs[rule.bias]) if known else None
        shape = matrix.shape[:2]
        real = np.zeros(shape) if bias is None else bias.astype(np.float64).reshape(shape)
        q = self.lowered.types[node.inputs[0]].q
        scale_x = _FLOAT_STEP if q is None else q.scale[0]
        clamp = bounds(original.op)
        if len(original.inputs) > 3 and self.is_sequential:
            # What a residual adds is out of a layer's hands, but for its mean error.
            clamp = -inf, inf
            real = real + self._residual_shift(original, node).reshape(shape)
        return LayerData(matrix, real, scale_x, *clamp, moments(x, xq, "gptq" in self.refinements))

    def _residual_shift(self, original: Node, node: Node) -> Array:
        """Mean error (channels,) of the residual input."""
        means = []
        for graph, steppers, names in (
            (self.graph, self.floats, original.inputs),
            (self.lowered, self.integers, node.inputs),
        ):
            values = np.concatenate([stepper.value(names[3]) for stepper in steppers])
            axes = tuple(axis for axis in range(values.ndim) if axis != node.op.channel_axis % values.ndim)
            mean = values.mean(axis=axes, dtype=np.float64)
            q = graph.types[names[3]].q
            means.append(mean if q is None else (mean - q.zero_point[0]) * q.scale[0])
        shift: Array = means[0] - means[1]
        return shift

    def _plain(self, node: Node, layer: LayerData) -> Candidate:
        rule = node.op.quant
        assert rule is not None and rule.weight is not None and rule.bias is not None
        known = self.lowered.types[node.inputs[rule.weight]]
        bias = self.lowered.constant(node.inputs[rule.bias])
        assert known.value is not None and known.q is not None and bias is not None
        shape = layer.bias.shape
        scales = np.array(known.q.scale, np.float64).reshape(shape)
        bias = bias.reshape(shape)
        steps = bias if bias.dtype == np.int32 else np.rint(bias / (scales * layer.scale_x))
        return Candidate("nearest", node.op.matrix(known.value), scales, steps)

    def _write(self, node: Node, taken: Candidate) -> None:
        rule = node.op.quant
        assert rule is not None and rule.weight is not None and rule.bias is not None
        weight_name, bias_name = node.inputs[rule.weight], node.inputs[rule.bias]
        old = self.lowered.types[weight_name]
        assert old.value is not None
        q = QParams.per_channel(taken.scales.reshape(-1), rule.weight_axis)
        weight = node.op.from_matrix(taken.weight, old.value)
        self._set(weight_name, type_of(weight, q))
        is_float = self.lowered.types[bias_name].is_float
        bias = (taken.bias * taken.scales * _FLOAT_STEP).astype(np.float32) if is_float else taken.bias
        self._set(bias_name, type_of(bias.reshape(-1)))

    def _set(self, name: str, known: TensorType) -> None:
        self.lowered.types[name] = known
        for stepper in self.integers:
            stepper.set_constant(name, known)


def _choice(node: Node, taken: str, errors: Mapping[str, float], wanted: Array) -> LayerChoice:
    signal = float(np.vdot(wanted, wanted) / max(wanted.size, 1))
    return LayerChoice(node.name, node.outputs[0], node.op_name, taken, errors, signal)
