"""Movements of rows across Dense, which treats every row alike, to where they meet other movements.

 1. Reshape or Transpose of rows (Dense(movement(x)))   -> Dense(movement(movement(x)))
 2. Dense(Transpose(x)), only movements read it         -> Transpose(Dense(x)), the Transpose of rows alone

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
from edgeconv.ops.split import Split
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["commute_dense"]


def commute_dense(graph: Graph) -> int:
    """Bring movements on both sides of a Dense together."""
    return rewrite(graph, partial(_rule, readers=graph.consumers()))


def _rule(node: Node, view: View, readers: dict[str, list[Node]]) -> Expr | None:
    if isinstance(node.op, Dense):
        return _behind(node, view, readers)
    if isinstance(node.op, (Reshape, Transpose)) and view.only_use(node.inputs[0]):
        return _ahead(node, view)
    return None


def _ahead(node: Node, view: View) -> Expr | None:
    """Case 1."""
    dense = view.producer(node.inputs[0], Dense)
    before = None if dense is None else view.producer(dense.inputs[0])
    if dense is None or before is None or not isinstance(before.op, (Reshape, Transpose)):
        return None
    if not view.only_use(dense.inputs[0]):
        return None
    x, *rest = view.refs(dense)
    shape, target = view.type_of(dense.inputs[0]).shape, view.type_of(node.outputs[0]).shape
    width = view.type_of(dense.outputs[0]).shape[-1]
    if x is None or not target or target[-1] != width:
        return None
    if isinstance(node.op, Transpose):
        return dense.op(node.op(x), *rest) if node.op.perm[-1] == len(target) - 1 else None
    try:
        return dense.op(reshape_to(x, shape, (*target[:-1], shape[-1])), *rest)
    except (Unsupported, ShapeError) as error:
        view.decline(node, str(error))
        return None


def _behind(node: Node, view: View, readers: dict[str, list[Node]]) -> Expr | None:
    """Case 2."""
    before = view.producer(node.inputs[0], Transpose)
    used = readers.get(node.outputs[0], [])
    if before is None or not view.only_use(node.inputs[0]) or view.is_output(node.outputs[0]) or len(used) == 0:
        return None
    assert isinstance(before.op, Transpose)
    perm = before.op.perm
    moves_on = all(isinstance(reader.op, (Reshape, Slice, Split, Transpose)) for reader in used)
    if not moves_on or perm[-1] != len(perm) - 1:
        return None
    _, *rest = view.refs(node)
    return Transpose(perm)(node.op(view.ref(before.inputs[0]), *rest))
