"""What a layer with a weight multiplies: its input as columns, and its weight as a matrix per group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array, dequantize
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Operator
from edgeconv.quantize.parallel import each
from edgeconv.quantize.refine.parts import columns_in_parts
from edgeconv.quantize.refine.stepper import Stepper

__all__ = ["Moments", "columns_of", "moments"]

_COLUMNS, _PER_TAP, _ELEMENTS = 1 << 13, 8, 1 << 23
"""Columns at least, columns for each tap, and how many elements they may have in all."""


@dataclass(frozen=True)
class Moments:
    """Means (groups, K) of the float and the quantized input, and centred second moments (groups * parts, size, size).

    Of how many parts they are `parts` decides. They are empty where nobody asked for them.
    """

    mean: Array
    mean_quantized: Array
    hessian: Array
    difference: Array


def columns_of(op: Operator, weight: Array, graph: Graph, node: Node, steppers: Sequence[Stepper]) -> Array | None:
    """The node's input as columns (groups, K, L) in real units, some thousand of them. None: it has no such form."""
    q = graph.types[node.inputs[0]].q
    taps = weight[0].size
    count = max(min(max(_COLUMNS, _PER_TAP * taps), _ELEMENTS // max(taps, 1)) // len(steppers), 1)

    def part(stepper: Stepper) -> Array | None:
        x = stepper.value(node.inputs[0])
        return op.columns(x if q is None else dequantize(x, q), weight, count)

    parts = [found for found in each(part, steppers, steppers[0].workers) if found is not None]
    return np.concatenate(parts, axis=2) if parts else None


def moments(x: Array, quantized: Array, is_second_needed: bool = True) -> Moments:
    """Moments of columns (groups, K, L)."""
    mean, mean_quantized = (a.mean(axis=2, dtype=np.float64) for a in (x, quantized))
    if not is_second_needed:
        return Moments(mean, mean_quantized, np.empty(0), np.empty(0))
    centred = quantized - mean_quantized[:, :, None].astype(np.float32)
    off = (x - mean[:, :, None].astype(np.float32)) - centred
    centred, off = columns_in_parts(centred), columns_in_parts(off)
    turned, count = centred.transpose(0, 2, 1), x.shape[2]
    hessian = np.matmul(centred, turned).astype(np.float64) / count
    return Moments(mean, mean_quantized, hessian, np.matmul(off, turned).astype(np.float64) / count)
