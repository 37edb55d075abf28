"""Limits of activations in 16 bits: as few steps as leave the layers that multiply them a product exact in float32.

A product of integers is exact in float32 below 2**24 (see ops.integer). The full 16 bits mostly need float64, or two
products; 12 to 14 bits mostly one, at a noise that is still small beside that of 8. So the scale is chosen to reach
what calibration saw with no more steps than that, and the operator that writes the value is told to clamp it there: the
interpreter proves the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from edgeconv.core import INT8_MAX, Array
from edgeconv.graph import Graph
from edgeconv.ops.integer import EXACT_FLOAT32, bounds
from edgeconv.passes.match import can_clamp, clamped
from edgeconv.quantize.observers.minmax import whole_range
from edgeconv.quantize.select import Selection, is_table
from edgeconv.quantize.statistics import Statistics

__all__ = ["clamp_wide", "exact_scales"]

_LEAST_STEPS = 1024
"""Fewer for what was seen are not worth the time that they save: the noise of int8 by 12 dB less."""
_MOST_STEPS = 32767
_ROOM = 0.95
"""Of the exact sums; the rest is for what refining may add to the weights' magnitudes."""


def exact_scales(
    graph: Graph, selection: Selection, roots: Mapping[str, str], statistics: Mapping[str, Statistics]
) -> dict[str, float]:
    """Value in 16 bits -> the scale with few enough steps, where there is one and its operator can clamp.

    `roots`: value -> the value whose parameters it shares.
    """
    producers, found = graph.producers(), dict[str, float]()
    for node in graph.nodes:
        rule, root = node.op.quant, roots.get(node.inputs[0], node.inputs[0]) if node.inputs else ""
        if rule is None or rule.weight is None or root not in selection.wide or root not in producers:
            continue
        largest, weight = _largest(statistics[root]), graph.constant(node.inputs[rule.weight])
        if weight is None or not (largest and selection.has(node) and can_clamp(producers[root].op)):
            continue
        if is_table(graph, producers[root]):  # a table, which clamps nothing, takes the operator's place
            continue
        bias = None if rule.bias is None else graph.constant("".join(node.inputs[rule.bias : rule.bias + 1]))
        sums = _sums(node.op.matrix(weight), bias, largest, bounds(producers[root].op)[0] >= 0)
        steps = next(
            (n for n in (int(_ROOM * EXACT_FLOAT32 / each) for each in sums) if n >= _LEAST_STEPS), _MOST_STEPS
        )
        if steps < _MOST_STEPS:
            found[root] = max(found.get(root, 0.0), largest / steps)
    return found


def clamp_wide(graph: Graph, scales: Collection[str], statistics: Mapping[str, Statistics]) -> None:
    """Clamp the values that have such scales to the largest magnitude that was seen of them."""
    for at, node in enumerate(graph.nodes):
        if node.outputs[0] in scales:
            low, high = bounds(node.op)
            largest = _largest(statistics[node.outputs[0]])
            graph.nodes[at] = replace(node, op=clamped(node.op, max(low, -largest), min(high, largest)))


def _largest(seen: Statistics) -> float:
    return max(map(abs, whole_range(seen)))


def _sums(matrix: Array, bias: Array | None, largest: float, is_positive: bool) -> tuple[float, float]:
    """What one step more adds to the largest partial sum: in one product, and in the larger of two.

    matrix: (groups, outputs, K), whose rows int8 spreads over its steps. The bias (outputs,) counts in steps of the
    activation, too; where it outweighs a row, `bias_limit_scales` bounds it.
    """
    rows = matrix.reshape(-1, matrix.shape[-1]).astype(np.float64)
    unit = INT8_MAX / np.maximum(np.abs(rows).max(axis=1, initial=0, keepdims=True), 1e-30)
    shift = np.zeros(len(rows)) if bias is None else np.abs(bias.reshape(-1)) * unit[:, 0] / largest

    def most(part: Array, shift: Array) -> float:
        above, below = np.maximum(part, 0).sum(axis=1), np.maximum(-part, 0).sum(axis=1)
        sums = np.maximum(above, below) if is_positive else above + below
        return float(np.where(shift < sums, sums + shift, 0).max(initial=1.0))

    steps, half = rows * unit, rows.shape[1] // 2
    return most(steps, shift), max(most(steps[:, :half], np.zeros_like(shift)), most(steps[:, half:], shift))
