"""The same thing computed or stored twice.

1. a = op(x), b = op(x)              -> b is a
2. two constants of the same bytes   -> one constant
"""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import sha256

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.identity import Identity
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["share_duplicates"]


def share_duplicates(graph: Graph) -> int:
    """Compute every value once, and keep every constant once."""
    return rewrite(graph, _Sharing().rule)


class _Sharing:
    """What one sweep has seen: constants by content, results by operator and inputs."""

    def __init__(self) -> None:
        self._constants: dict[Hashable, str] = {}
        self._names: dict[str, str] = {}
        self._results: dict[Hashable, tuple[str, ...]] = {}

    def rule(self, node: Node, view: View) -> Expr | tuple[Expr | None, ...] | None:
        inputs = tuple(self._canonical(name, view) for name in node.inputs)
        if node.op.folds and not isinstance(node.op, Identity):
            known = self._results.get((node.op, inputs))
            if known is not None and all(view.producer(name) is not None for name in known if name):
                return tuple(view.ref(name) if name else None for name in known)
            self._results[node.op, inputs] = node.outputs
        if inputs == node.inputs:
            return None
        call = node.op(*(view.ref(name) if name else None for name in inputs))
        return tuple(call[index] for index in range(len(node.outputs)))

    def _canonical(self, name: str, view: View) -> str:
        """The first constant with the content of `name`, or `name` itself."""
        value = view.constant(name)
        if value is None or value.dtype == object:
            return name
        if name not in self._names:
            self._names[name] = self._constants.setdefault(_content(value), name)
        return self._names[name]


def _content(value: Array) -> Hashable:
    return value.dtype.name, value.shape, sha256(value.tobytes()).digest()
