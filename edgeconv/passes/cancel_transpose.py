"""Transposes around operators that do not care about the order of dimensions: one less, or none is left.

 1. Transpose(f(Transpose(x)))               -> f(x), or f of one Transpose      f elementwise of one input
 2. Transpose(Softmax(Transpose(x)))         -> Softmax(x) along another axis
 3. Transpose(f(Transpose(x), Transpose(y))) -> f(x, y), or f of Transposes      f elementwise of two inputs
    a constant in place of x or y is transposed now
 4. the same through chains of such operators

Each needs that nothing else reads the values between.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.binary import Binary
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.qdq import DequantizeLinear, QuantizeLinear
from edgeconv.ops.softmax import LogSoftmax, Softmax
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["cancel_transpose"]

_DEPTH = 16
"""Longest chain of operators that is looked through."""


def cancel_transpose(graph: Graph) -> int:
    """Move Transposes through elementwise operators where fewer are needed then."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Transpose) or view.producer(node.inputs[0], Transpose) is not None:
        return None
    return _moved(node.inputs[0], node.op.perm, view, _DEPTH)


def _moved(name: str, perm: tuple[int, ...], view: View, depth: int) -> Expr | None:
    """`name` in the order `perm`, if every path to it begins with a Transpose, which then takes the new order."""
    if view.constant(name) is not None:
        return _constant(name, perm, view)
    source = view.producer(name)
    if source is None or depth == 0 or not view.only_use(name) or view.type_of(name).rank != len(perm):
        return None
    op = source.op
    if isinstance(op, Transpose):
        joined = tuple(op.perm[axis] for axis in perm)
        x = view.ref(source.inputs[0])
        return x if joined == tuple(range(len(joined))) else Transpose(joined)(x)
    if isinstance(op, (Softmax, LogSoftmax)):
        op = replace(op, axis=perm.index(op.axis))
    elif not isinstance(op, (Elementwise, Clamp, Binary, QuantizeLinear, DequantizeLinear)):
        return None
    moved = [_moved(item, perm, view, depth - 1) for item in source.inputs]
    return None if any(item is None for item in moved) else op(*moved)


def _constant(name: str, perm: tuple[int, ...], view: View) -> Expr | None:
    value = view.constant(name)
    if value is None or value.ndim > len(perm) or value.dtype == object:
        return None
    if value.size == 1:
        return view.ref(name)
    return np.ascontiguousarray(value.reshape((1,) * (len(perm) - value.ndim) + value.shape).transpose(perm))
