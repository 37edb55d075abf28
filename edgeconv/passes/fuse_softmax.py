"""Softmax from its parts, and functions of its result.

1. exp(x) / sum(exp(x)) along one axis               -> Softmax(x)
   with x - max(x) for x, along the same axis        -> Softmax(x)
   exp(x) * reciprocal(sum(exp(x)))                  -> Softmax(x)
2. log(Softmax(x))                                   -> LogSoftmax(x)
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Sub
from edgeconv.ops.base import Expr
from edgeconv.ops.elementwise import Exp, Log, Reciprocal
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.reduce import ReduceMax, ReduceSum
from edgeconv.ops.softmax import LogSoftmax, Softmax
from edgeconv.passes.match import is_clamped
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_softmax"]


def fuse_softmax(graph: Graph) -> int:
    """Recognise Softmax and LogSoftmax."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if isinstance(node.op, Log):
        source = view.producer(node.inputs[0], Softmax)
        if source is None or not isinstance(source.op, Softmax) or not view.only_use(node.inputs[0]):
            return None
        return LogSoftmax(source.op.axis)(view.ref(source.inputs[0]))
    found = _quotient(node, view)
    if found is None:
        return None
    top, total = found
    exponential, bottom = view.producer(top, Exp), view.producer(total, ReduceSum)
    if exponential is None or bottom is None or bottom.inputs[0] != top:
        return None
    assert isinstance(bottom.op, ReduceSum)
    rank = view.type_of(top).rank
    if len(bottom.op.axes) != 1 or not (bottom.op.keep_dims or (bottom.op.axes == (0,) and rank == 1)):
        view.decline(node, "its sum is not along one axis that is kept")
        return None
    axis = bottom.op.axes[0]
    return Softmax(axis)(view.ref(_unshifted(exponential.inputs[0], axis, view)))


def _quotient(node: Node, view: View) -> tuple[str, str] | None:
    """(a, b) of a / b or a * reciprocal(b)."""
    if is_clamped(node.op):
        return None
    if isinstance(node.op, Div):
        return node.inputs[0], node.inputs[1]
    if isinstance(node.op, Mul):
        for top, bottom in (node.inputs, node.inputs[::-1]):
            inverse = view.producer(bottom, Reciprocal)
            if inverse is not None:
                return top, inverse.inputs[0]
    return None


def _unshifted(name: str, axis: int, view: View) -> str:
    """x of x - max(x), else the value itself: Softmax subtracts the maximum anyway."""
    node = view.producer(name, Sub)
    if node is None or is_clamped(node.op):
        return name
    largest = view.producer(node.inputs[1], ReduceMax)
    if largest is None or not isinstance(largest.op, ReduceMax) or largest.inputs[0] != node.inputs[0]:
        return name
    return node.inputs[0] if largest.op.axes == (axis,) and largest.op.keep_dims else name
