"""Add into the layer before it, as its residual input: one rounding instead of two once quantized.

  Conv(x, w, b) -> h;  Add(h, r) -> y      becomes      Conv(x, w, b, r) -> y

for Conv and Dense without a clamp, whose result nothing else reads, and an r of the same shape that is no constant.
Of two such layers the later one takes the other's result. The Add's own clamp is kept.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_residual"]


def fuse_residual(graph: Graph) -> int:
    """Fuse every Add of a layer and another activation."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Add):
        return None
    for name, other in (node.inputs[::-1], node.inputs):
        source = view.producer(name)
        if source is None or not isinstance(source.op, (Conv, Dense)) or not _is_open(source):
            continue
        if not view.only_use(name) or view.constant(other) is not None:
            view.decline(node, f"{source.label} is used elsewhere, too, or what is added is constant")
            continue
        result, residual = view.type_of(name), view.type_of(other)
        if (result.dtype, result.shape) != (residual.dtype, residual.shape) or view.constant(source.inputs[1]) is None:
            continue
        x, weight, bias = (*view.refs(source), None)[:3]
        return replace(source.op, low=node.op.low, high=node.op.high)(x, weight, bias, view.ref(other))
    return None


def _is_open(node: Node) -> bool:
    """Neither clamped nor with a residual already."""
    op = node.op
    return isinstance(op, (Conv, Dense)) and (op.low, op.high) == (-inf, inf) and len(node.inputs) < 4
