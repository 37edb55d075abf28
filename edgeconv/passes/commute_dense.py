"""Movements of rows across Dense, which treats every row alike, to where they meet other movements.

 1. Reshape or Transpose of rows (Dense(movement(x)))   -> Dense(movement(movement(x)))
 2. Dense(Transpose(x)), read by several movements      -> Transpose(Dense(x)), the Transpose of rows alone

Rows are all dimensions but the last. Then `merge_views` has one chain in place of two.
"""

from __future__ import annotations

from functools import partial

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, ShapeError
from edgeconv.ops.dense import Dense
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.slice import Slice
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["commute_dense"]

_PLAIN = 3
"""Inputs of a Dense that adds nothing of its output's shape."""


def commute_dense(graph: Graph) -> int:
    """Bring movements on both sides of a Dense together."""
    return rewrite(graph, partial(_rule, readers=graph.consumers()))


def _rule(node: Node, view: View, readers: dict[str, list[Node]]) -> Expr | None:
    if isinstance(node.op, Dense):
        return _behind(node, view, readers) if len(node.inputs) <= _PLAIN else None
    if isinstance(node.op, (Reshape, Transpose)) and view.only_use(node.inputs[0]):
        return _ahead(node, view)
    return None


def _ahead(node: Node, view: View) -> Expr | None:
    """Case 1."""
    dense = view.producer(node.inputs[0], Dense)
    if dense is None or len(dense.inputs) > _PLAIN or not view.only_use(dense.inputs[0]):
        return None
    before = view.producer(dense.inputs[0])
    if before is None or not isinstance(before.op, (Reshape, Transpose)):
        return None
    moved = _without_columns(node, dense, view)
    return None if moved is None else dense.op(moved, *view.refs(dense)[1:])


def _without_columns(node: Node, dense: Node, view: View) -> Expr | None:
    """What `node` does to the rows of a Dense, done to the rows of its input instead."""
    x = view.ref(dense.inputs[0])
    target = view.type_of(node.outputs[0]).shape
    if isinstance(node.op, Transpose):
        return node.op(x) if node.op.perm[-1] == len(target) - 1 else None
    if not target or target[-1] != view.type_of(dense.outputs[0]).shape[-1]:
        return None
    try:
        return reshape_to(x, x.type.shape, (*target[:-1], x.type.shape[-1]))
    except (Unsupported, ShapeError) as error:
        view.decline(node, str(error))
        return None


def _behind(node: Node, view: View, readers: dict[str, list[Node]]) -> Expr | None:
    """Case 2."""
    before = view.producer(node.inputs[0], Transpose)
    used = readers.get(node.outputs[0], [])
    if before is None or not view.only_use(node.inputs[0]) or view.is_output(node.outputs[0]) or len(used) < 2:
        return None
    assert isinstance(before.op, Transpose)
    perm = before.op.perm
    moves_on = all(isinstance(reader.op, (Reshape, Slice, Transpose)) for reader in used)
    if not moves_on or perm[-1] != len(perm) - 1:
        return None
    _, *rest = view.refs(node)
    return Transpose(perm)(node.op(view.ref(before.inputs[0]), *rest))
