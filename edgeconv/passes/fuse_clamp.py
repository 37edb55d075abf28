"""Clamp into the operator before it, for every operator that has bounds of its own.

1. op(x) -> Clamp                    -> op(x, low, high)     nothing else reads the value between
2. op(low, high) -> Clamp            -> op, with the narrower bounds of the two
3. Clamp -> Clamp                    -> one Clamp
4. op(x) -> Transpose -> Clamp       -> op(x, low, high) -> Transpose; and so for Reshape
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.integer import bounds
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.match import can_clamp, clamped
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_clamp"]


def fuse_clamp(graph: Graph) -> int:
    """Fuse every Clamp whose input has no other use and comes from an operator that can clamp."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Clamp):
        return None
    source = view.producer(node.inputs[0])
    if source is not None and isinstance(source.op, (Transpose, Reshape)) and view.only_use(node.inputs[0]):
        inner = _fused(node, source.inputs[0], view)
        return None if inner is None else source.op(inner, *view.refs(source)[1:])
    return _fused(node, node.inputs[0], view)


def _fused(node: Node, name: str, view: View) -> Expr | None:
    """What computes the value `name`, with the bounds of `node`, where it can have them."""
    source = view.producer(name)
    if source is None or not isinstance(node.op, Clamp) or not can_clamp(source.op) or not view.type_of(name).is_float:
        return None
    if not view.only_use(name):
        view.decline(node, "its input is used elsewhere, too")
        return None
    known = bounds(source.op)
    low, high = max(known[0], node.op.low), min(known[1], node.op.high)
    if low > high:
        view.decline(node, "the two ranges do not meet")
        return None
    return clamped(source.op, low, high)(*view.refs(source))
