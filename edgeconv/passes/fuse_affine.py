"""Two maps of channels in a row, with no linear operator to take them: one map.

 1. Mul -> Add, BatchNorm -> Mul, ... per channel (axis 1)   -> BatchNorm
 2. Mul -> Mul, Div -> Mul by scalars                        -> Mul
 3. Add -> Add, Sub -> Add of scalars                        -> Add

Scalars that scale and shift stay as they are: they become part of one table once quantized.
"""

from __future__ import annotations

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.integer import bounds
from edgeconv.ops.mul import Mul
from edgeconv.passes.linear import Affine, affine
from edgeconv.passes.match import is_clamped
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_affine"]


def fuse_affine(graph: Graph) -> int:
    """Join chains of per-channel maps."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    outer = affine(node, view, 1)
    source = view.producer(outer.x) if outer is not None else None
    if outer is None or source is None or is_clamped(source.op):
        return None
    inner = affine(source, view, 1)
    if inner is None:
        return None
    if not view.only_use(outer.x):
        view.decline(node, f"{source.label} before it is used elsewhere, too")
        return None
    return _joined(node, outer.after(inner), view)


def _joined(node: Node, both: Affine, view: View) -> Expr | None:
    known = view.type_of(both.x)
    low, high = bounds(node.op)
    if both.is_scalar and not both.offset.any():
        return Mul(low, high)(view.ref(both.x), np.array(both.factor[0], known.dtype))
    if both.is_scalar and (both.factor == 1).all():
        return Add(low, high)(view.ref(both.x), np.array(both.offset[0], known.dtype))
    if both.is_scalar or is_clamped(node.op) or known.rank < 2:
        return None
    factor, offset = both.factor.astype(known.dtype), both.offset.astype(known.dtype)
    return BatchNorm(0.0)(view.ref(both.x), factor, offset, np.zeros_like(factor), np.ones_like(factor))
