"""Clamp into the operator before it, for every operator that has bounds of its own.

1. op(x) -> Clamp                    -> op(x, low, high)     nothing else reads the value between
2. op(low, high) -> Clamp            -> op, with the narrower bounds of the two
3. Clamp -> Clamp                    -> one Clamp
"""

from __future__ import annotations

from dataclasses import fields, replace

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, Operator
from edgeconv.ops.clamp import Clamp
from edgeconv.passes.match import bounds
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_clamp"]


def fuse_clamp(graph: Graph) -> int:
    """Fuse every Clamp whose input has no other use and comes from an operator that can clamp."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Clamp):
        return None
    source = view.producer(node.inputs[0])
    if source is None or not _can_clamp(source.op) or not view.type_of(node.inputs[0]).is_float:
        return None
    if not view.only_use(node.inputs[0]):
        view.decline(node, "its input is used elsewhere, too")
        return None
    known = bounds(source.op)
    low, high = max(known[0], node.op.low), min(known[1], node.op.high)
    if low > high:
        view.decline(node, "the two ranges do not meet")
        return None
    return _bounded(source.op, low, high)(*view.refs(source))


def _can_clamp(op: Operator) -> bool:
    return {"low", "high"} <= {field.name for field in fields(op)}


def _bounded(op: Operator, low: float, high: float) -> Operator:
    bounded: Operator = replace(op, low=low, high=high)  # type: ignore[call-arg]  # checked by _can_clamp
    return bounded
