"""Channels scaled and shifted before space is reduced: behind it, where there is less to do, or an operator to take it.

 1. affine(x) -> MaxPool                        -> MaxPool(x) -> affine      no factor is negative
 2. affine(x) -> ReduceMean of spatial axes     -> ReduceMean(x) -> affine   no clamp inside

Nothing else may read the value between the two.
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.reduce import ReduceMean
from edgeconv.passes.linear import affine
from edgeconv.passes.match import is_clamped
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["sink_affine"]


def sink_affine(graph: Graph) -> int:
    """Move per-channel maps behind pooling."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    is_mean = isinstance(node.op, ReduceMean) and node.op.keep_dims and min(node.op.axes, default=0) >= 2
    if not isinstance(node.op, MaxPool) and not is_mean:
        return None
    source = view.producer(node.inputs[0])
    found = affine(source, view, 1)
    if source is None or found is None or not view.only_use(node.inputs[0]):
        return None
    if (is_mean and is_clamped(source.op)) or (not is_mean and not (found.factor > 0).all()):
        view.decline(node, f"{source.label} before it does not keep the order, or clamps")
        return None
    pooled = node.op(view.ref(found.x))
    return source.op(*(pooled if ref is not None and ref.name == found.x else ref for ref in view.refs(source)))
