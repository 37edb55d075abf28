"""The rungs between int8 and fp32: weights stored in fewer bits, arithmetic in float, no calibration.

 w8    layers and recurrent weights in int8, symmetric, one scale per output channel; embedding tables one per row
 fp16  the same, and biases, in float16

    Gather(table, i)   -> Cast(Gather(int8 table, i)) * Gather(scales, i)       w8: the table stays int8 in memory
    Gather(table, i)   -> Cast(Gather(float16 table, i))                        fp16

A weight that came as integers keeps them. What float16 cannot hold, and constants of a few elements, stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from edgeconv.core import Array, QParams, TensorType, quantize, type_of
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, QuantRule, Ref
from edgeconv.ops.cast import Cast
from edgeconv.ops.gather import Gather
from edgeconv.ops.mul import Mul
from edgeconv.passes.rewrite import View, rewrite
from edgeconv.quantize.grids import own_parameters
from edgeconv.quantize.weights import weight_only

__all__ = ["NARROW", "store_weights"]

NARROW = ("w8", "fp16")
"""Precisions that store weights narrow and compute in float."""
_FEWEST = 64
"""Constants of fewer elements stay as they are: their scale and alignment would cost what they save."""
_LARGEST_HALF = 65504.0

_Narrow = Callable[[Array, int, Graph], "TensorType | None"]


def store_weights(graph: Graph, precision: str, excluded: Mapping[str, str]) -> Graph:
    """A copy of a simplified float graph with narrow weights. `excluded`: first outputs of nodes that keep float32."""
    result = graph.copy()
    narrow = _as_int8 if precision == "w8" else _as_half
    for position, node in enumerate(result.nodes):
        if node.outputs[0] not in excluded:
            result.nodes[position] = _narrowed(result, node, narrow, has_narrow_bias=precision == "fp16")
    rewrite(result, partial(_gather, precision=precision, excluded=excluded, graph=graph))
    result.prune()
    result.check(f"storing weights in {precision}")
    return result


def _narrowed(graph: Graph, node: Node, narrow: _Narrow, has_narrow_bias: bool) -> Node:
    """`node` with its weights stored narrow, where it has any."""
    rule = node.op.quant or QuantRule()
    axes = dict(rule.weight_only)
    if rule.weight is not None:
        axes[rule.weight] = rule.weight_axis
    if has_narrow_bias and rule.bias is not None:
        axes[rule.bias] = 0
    inputs = list(node.inputs)
    for position, axis in axes.items():
        name = node.inputs[position] if position < len(node.inputs) else ""
        value = graph.constant(name) if name else None
        stored = None if value is None or not _is_worthwhile(value) else narrow(value, axis, graph)
        if stored is not None:
            inputs[position] = f"{name}.{stored.dtype}.{axis}"
            graph.types[inputs[position]] = stored
    return replace(node, inputs=tuple(inputs))


def _is_worthwhile(value: Array) -> bool:
    return value.dtype == np.float32 and value.size >= _FEWEST and bool(np.isfinite(value).all())


def _as_int8(value: Array, axis: int, graph: Graph) -> TensorType | None:
    own = own_parameters(value, axis, graph.grids)
    if own is not None:
        return type_of(quantize(value, own), own)
    return type_of(*weight_only(value, axis))


def _as_half(value: Array, axis: int, graph: Graph) -> TensorType | None:
    return type_of(value.astype(np.float16)) if np.abs(value).max() <= _LARGEST_HALF else None


def _gather(node: Node, view: View, precision: str, excluded: Mapping[str, str], graph: Graph) -> Expr | None:
    if not isinstance(node.op, Gather) or node.op.axis != 0 or node.outputs[0] in excluded:
        return None
    table = view.constant(node.inputs[0])
    if table is None or table.ndim < 2 or not _is_worthwhile(table):
        return None
    stored = (_as_int8 if precision == "w8" else _as_half)(table, 0, graph)
    indices = view.ref(node.inputs[1])
    if stored is None or stored.value is None or (stored.q is not None and any(stored.q.zero_point)):
        return None
    rows = Cast("float32")(node.op(stored.value, indices))
    return rows if stored.q is None else Mul()(rows, _scales(stored.q, table.ndim, indices))


def _scales(q: QParams, rank: int, indices: Ref) -> Expr:
    """The scales of the rows that `indices` pick, to broadcast against them."""
    if q.axis is None:
        return np.array(q.scale[0], np.float32)
    return Gather(0)(np.array(q.scale, np.float32).reshape(-1, *(1,) * (rank - 1)), indices)
