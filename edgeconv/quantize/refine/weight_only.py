"""Rounding for weights whose operator computes in float (LSTM, GRU, RNN): GPTQ on what the weights really multiply."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, QParams, dequantize, type_of
from edgeconv.graph import Graph, Node
from edgeconv.quantize.refine.gptq import inverse_factor, round_with_compensation
from edgeconv.quantize.refine.stepper import Stepper

__all__ = ["round_weights"]


def round_weights(
    graph: Graph, lowered: Graph, original: Node, node: Node, floats: Sequence[Stepper], held_back: int
) -> tuple[dict[str, float], Array]:
    """Round the int8 weights of `node` in `lowered` again; returns mean squared errors by proposal ("nearest",
    "gptq"), and the float outputs.

    The steppers stand before the node. What reproduces the float outputs of the last `held_back` of them better is
    kept; the others are fitted to. All fit and judge where none is held back.
    """
    rule = node.op.quant
    assert rule is not None
    inputs = [[_input(graph, stepper, name) for name in original.inputs] for stepper in floats]
    outputs = [_outputs(original, arrays) for arrays in inputs]
    nearest = {p: lowered.types[node.inputs[p]] for p, _ in rule.weight_only}
    better = dict(nearest)
    judging = len(floats) - held_back if held_back else 0
    fitting = list(zip(inputs, outputs, strict=True))[: judging or None]
    for position, known in nearest.items():
        columns = [node.op.weight_columns(position, np.asarray(a[0]), y[0]) for a, y in fitting]
        weight = graph.constant(original.inputs[position])
        if weight is None or known.q is None or any(part is None for part in columns):
            continue
        moments = _second_moment([part for part in columns if part is not None])
        scales = np.broadcast_to(np.array(known.q.scale, np.float64), weight.shape[:2])
        better[position] = type_of(round_with_compensation(weight, scales, inverse_factor(moments)), known.q)
    inputs, outputs = inputs[judging:], outputs[judging:]
    errors = {}
    for name, choice in (("nearest", nearest), ("gptq", better)):
        real = {p: dequantize(known.value, _q(known.q)) for p, known in choice.items() if known.value is not None}
        errors[name] = sum(
            float(np.square(_outputs(node, [real.get(p, a) for p, a in enumerate(arrays)])[0] - y[0]).sum())
            for arrays, y in zip(inputs, outputs, strict=True)
        ) / max(sum(y[0].size for y in outputs), 1)
    taken = better if errors["gptq"] < errors["nearest"] else nearest
    lowered.types.update((node.inputs[position], known) for position, known in taken.items())
    return errors, np.concatenate([y[0].reshape(-1) for y in outputs])


def _q(q: QParams | None) -> QParams:
    assert q is not None
    return q


def _input(graph: Graph, stepper: Stepper, name: str) -> Array | None:
    if not name:
        return None
    known = graph.constant(name)
    return stepper.value(name) if known is None else known


def _outputs(node: Node, arrays: Sequence[Array | None]) -> tuple[Array, ...]:
    found = node.op.run(*arrays)
    return found if isinstance(found, tuple) else (found,)


def _second_moment(parts: Sequence[Array]) -> Array:
    total = sum(np.matmul(part, part.transpose(0, 2, 1)).astype(np.float64) for part in parts)
    moment: Array = np.asarray(total) / sum(part.shape[2] for part in parts)
    return moment
