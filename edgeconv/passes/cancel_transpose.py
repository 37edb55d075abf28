"""Transposes that undo each other around operators that do not care about the order of dimensions.

 1. Transpose(f(Transpose(x)))               -> f(x), or f of one Transpose      f elementwise of one input
 2. Transpose(Softmax(Transpose(x)))         -> Softmax(x) along another axis
 3. Transpose(f(Transpose(x), Transpose(y))) -> f(x, y)                          f elementwise of two inputs
    a scalar in place of x or y stays; another constant is transposed

Each needs that nothing else reads the values between.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Call, Expr
from edgeconv.ops.binary import Binary
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.softmax import LogSoftmax, Softmax
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["cancel_transpose"]


def cancel_transpose(graph: Graph) -> int:
    """Move Transposes through elementwise operators where two then become one or none."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, Transpose) or not view.only_use(node.inputs[0]):
        return None
    middle = view.producer(node.inputs[0])
    if middle is None:
        return None
    perm = node.op.perm
    if isinstance(middle.op, (Elementwise, Clamp)) and len(middle.inputs) == 1:
        x = _moved(middle.inputs[0], perm, view)
        return None if x is None else middle.op(x)
    if isinstance(middle.op, (Softmax, LogSoftmax)):
        x = _moved(middle.inputs[0], perm, view)
        return None if x is None else replace(middle.op, axis=perm.index(middle.op.axis))(x)
    if isinstance(middle.op, Binary):
        return _binary(middle, perm, view)
    return None


def _moved(name: str, perm: tuple[int, ...], view: View) -> Expr | None:
    """`name` in the order `perm`, at no more cost than before: it comes from a Transpose itself."""
    source = view.producer(name, Transpose)
    if source is None or not view.only_use(name):
        return None
    assert isinstance(source.op, Transpose)
    joined = tuple(source.op.perm[axis] for axis in perm)
    x = view.ref(source.inputs[0])
    return x if joined == tuple(range(len(joined))) else Transpose(joined)(x)


def _binary(middle: Node, perm: tuple[int, ...], view: View) -> Expr | None:
    moved: list[Expr] = []
    for name in middle.inputs:
        value = view.constant(name)
        if value is None:
            x = _moved(name, perm, view)
            if isinstance(x, Call) or x is None or view.type_of(name).rank != len(perm):
                return None
            moved.append(x)
        elif value.size == 1 and value.ndim <= len(perm):
            moved.append(view.ref(name))
        else:
            full = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
            moved.append(np.ascontiguousarray(full.transpose(perm)))
    return middle.op(*moved)
