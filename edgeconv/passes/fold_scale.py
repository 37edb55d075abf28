"""A scalar factor, carried back to a linear operator that can take it.

    Mul or Div by a scalar (movements, MatMul (linear(x)))    ->    movements, MatMul (linear'(x))

Movements are Reshape, Transpose and Slice; through MatMul the factor goes to either input.
Attention's 1 / sqrt(d) disappears into the projection of the queries. Nothing else may read the values between.
"""

from __future__ import annotations

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.slice import Slice
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.linear import Affine, linear
from edgeconv.passes.match import is_clamped, operands
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fold_scale"]

_DEPTH = 16


def fold_scale(graph: Graph) -> int:
    """Fold scalar factors into linear operators some way before them."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    scale = _scalar_factor(node, view)
    return None if scale is None else _scaled(*scale, view, _DEPTH)


def _scalar_factor(node: Node, view: View) -> tuple[str, float] | None:
    """(x, factor) of a Mul or Div of x by a scalar."""
    pair = operands(node, view) if isinstance(node.op, (Mul, Div)) and not is_clamped(node.op) else None
    if pair is None or pair[1].size != 1 or pair[1].dtype.kind != "f":
        return None
    number = float(pair[1].reshape(()))
    if isinstance(node.op, Mul):
        return pair[0], number
    return (pair[0], 1 / number) if node.inputs[0] == pair[0] and number else None


def _scaled(name: str, factor: float, view: View, depth: int) -> Expr | None:
    """factor * `name`, where something before it takes the factor at no cost."""
    node = view.producer(name)
    if node is None or not view.only_use(name) or depth == 0:
        return None
    if isinstance(node.op, (Reshape, Transpose, Slice, MatMul)):
        return _passed_on(node, factor, view, depth)
    target, scale = linear(node, view), _scalar_factor(node, view)
    if scale is not None:
        return Mul()(view.ref(scale[0]), np.array(scale[1] * factor, view.type_of(name).dtype))
    ones = np.ones(0 if target is None else target.outputs)
    folded = None if target is None else target.followed_by(Affine("", ones * factor, ones * 0))
    return None if folded is None else folded.expr(view.type_of(name).dtype)


def _passed_on(node: Node, factor: float, view: View, depth: int) -> Expr | None:
    """`node` with the factor in the first of its inputs that takes it."""
    inputs: list[Expr | None] = [*view.refs(node)]
    for position, name in enumerate(node.inputs):
        scaled = _scaled(name, factor, view, depth - 1)
        if scaled is not None:
            return node.op(*inputs[:position], scaled, *inputs[position + 1 :])
    return None
