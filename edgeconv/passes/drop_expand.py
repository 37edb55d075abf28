"""Expand before an operator that broadcasts by itself.

1. binary(a, Expand(x)), Where(..., Expand(x)), Pow, PRelu, MatMul   -> the same with x
   where the result keeps its shape
2. Expand(Expand(x))                                                 -> Expand(x)
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.binary import Binary
from edgeconv.ops.expand import Expand
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.pow import Pow
from edgeconv.ops.prelu import PRelu
from edgeconv.ops.where import Where
from edgeconv.passes.match import valid
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["drop_expand"]


def drop_expand(graph: Graph) -> int:
    """Let operators broadcast instead of Expand."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, (Binary, Where, Pow, PRelu, MatMul, Expand)):
        return None
    refs = view.refs(node)
    for position, name in enumerate(node.inputs):
        source = view.producer(name, Expand)
        if source is None:
            continue
        changed = [*refs[:position], view.ref(source.inputs[0]), *refs[position + 1 :]]
        if valid(node.op(*changed), view.type_of(node.outputs[0])):
            refs = changed
    if [ref.name if ref is not None else "" for ref in refs] == list(node.inputs):
        return None
    return node.op(*refs)
