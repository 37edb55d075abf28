"""Channels scaled and shifted by constants, into the linear operator beside them.

`affine` is BatchNorm, or Mul, Div, Add, Sub, Neg by a constant for each channel;
`linear` is Conv, ConvTranspose or Dense.

 1. linear(x) -> affine            -> linear'(x)      a clamp of the affine's own is taken along
 2. linear(clamped) -> affine      -> linear'(x)      where the bounds stay the same for all channels
 3. linear(x) -> HardSigmoid       -> linear'(x), clamped to [0, 1]
 4. affine(x) -> linear            -> linear'(x)      a Conv then pads with the values that the affine turns into zeros

Each needs that nothing else reads the value between the two. Weights are folded in float64 and rounded once.
"""

from __future__ import annotations

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.integer import bounds
from edgeconv.ops.sigmoid import HardSigmoid
from edgeconv.passes.linear import RAW_SPREAD, Affine, Linear, affine, linear
from edgeconv.passes.match import is_clamped
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fold_affine_after", "fold_affine_before"]


def fold_affine_after(graph: Graph) -> int:
    """Cases 1 to 3."""
    return rewrite(graph, _after)


def fold_affine_before(graph: Graph) -> int:
    """Case 4."""
    return rewrite(graph, _before)


def _after(node: Node, view: View) -> Expr | None:
    for name in dict.fromkeys(node.inputs):
        source = linear(view.producer(name), view)
        if source is None:
            continue
        outer = _outer(node, source, view)
        if outer is None or outer.x != name:
            continue
        if not view.only_use(name):
            view.decline(node, "what it scales or shifts is used elsewhere, too")
            return None
        low, high = (0.0, 1.0) if isinstance(node.op, HardSigmoid) else bounds(node.op)
        folded = source.followed_by(outer, low, high)
        if folded is None:
            view.decline(node, "the clamp of the operator before it stands between")
            return None
        return folded.expr(view.type_of(node.outputs[0]).dtype)
    return None


def _outer(node: Node, source: Linear, view: View) -> Affine | None:
    if isinstance(node.op, HardSigmoid):
        ones = np.ones(source.outputs)
        return Affine(node.inputs[0], ones * node.op.alpha, ones * node.op.beta)
    return affine(node, view, source.output_axis)


def _before(node: Node, view: View) -> Expr | None:
    target = linear(node, view)
    source = view.producer(node.inputs[0]) if target is not None else None
    if target is None or source is None or is_clamped(source.op):
        return None
    inner = affine(source, view, target.input_axis)
    if inner is None:
        return None
    if not view.only_use(node.inputs[0]):
        view.decline(node, f"{source.label} before it is used elsewhere, too")
        return None
    if inner.spread > RAW_SPREAD and _reads_an_input(source, view, target.input_axis):
        view.decline(node, f"{source.label} brings the features of an input to one scale")
        return None
    folded = target.preceded_by(inner, view.ref(inner.x))
    if folded is None:
        view.decline(node, f"its borders would not see the shift of {source.label}")
        return None
    return folded.expr(view.type_of(node.outputs[0]).dtype)


def _reads_an_input(node: Node, view: View, axis: int) -> bool:
    """True when only affine maps lie between an input of the graph and `node`."""
    found: Node | None = node
    while found is not None:
        inner = affine(found, view, axis)
        if inner is None:
            return False
        found = view.producer(inner.x)
    return True
