"""Operators whose inputs are all constant, and values that follow from shapes: computed now.

1. op(constant, ...)            -> constant, unless it would be much larger than what it is computed from
2. Shape(x) of a static shape   -> constant
"""

from __future__ import annotations

from edgeconv.graph import Emitter, Graph, Node
from edgeconv.ops.base import Call, Expr
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fold_constants"]


def fold_constants(graph: Graph) -> int:
    """Compute everything that does not depend on the graph's inputs."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> tuple[Expr | None, ...] | None:
    if not node.op.folds:
        return None
    call = node.op(*view.refs(node))
    if not _is_known(node, call, view):
        return None
    trial = Emitter({})
    names = [f"output{index}" for index in range(len(node.outputs))]
    found = trial.emit([call[index] for index in range(len(names))], names, node.name)
    if trial.nodes:
        view.decline(node, "its result would be much larger than its inputs")
        return None
    return tuple(found[name].value for name in names)


def _is_known(node: Node, call: Call, view: View) -> bool:
    """True when all inputs are constant, or the shapes of the inputs give the results."""
    if all(not name or view.constant(name) is not None for name in node.inputs):
        return True
    return all(known.value is not None and known.value.dtype != object for known in call.types)
