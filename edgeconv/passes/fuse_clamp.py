"""Clamp into the operator before it: Conv -> Clamp becomes Conv(low, high), for every operator with such bounds."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.binary import ClampedBinary
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_clamp"]


def fuse_clamp(graph: Graph) -> int:
    """Fuse every Clamp whose input has no other use and comes from an operator that can clamp."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Clamp):
        return None
    source = view.producer(node.inputs[0])
    if source is None or not isinstance(source.op, (Clamp, ClampedBinary, Conv, Dense)):
        return None
    if not view.only_use(node.inputs[0]):
        view.decline(node, "its input is used elsewhere, too")
        return None
    if not view.type_of(node.inputs[0]).is_float:
        return None
    low, high = max(source.op.low, node.op.low), min(source.op.high, node.op.high)
    if low > high:
        view.decline(node, "the two ranges do not meet")
        return None
    return replace(source.op, low=low, high=high)(*view.refs(source))
