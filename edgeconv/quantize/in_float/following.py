"""From where 8 bits are too few, they are so for all that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgeconv.graph import Node

__all__ = ["with_following"]


def with_following(nodes: Iterable[Node], reason_of: Callable[[Node], str | None]) -> dict[str, str]:
    """First output -> reason, of those of `nodes` that have one and of those that they lead to, in order."""
    found: dict[str, str] = {}
    touched: dict[str, str] = {}
    for node in nodes:
        reason = next((touched[name] for name in node.inputs if name in touched), None) or reason_of(node)
        if reason is not None:
            found[node.outputs[0]] = reason
            touched.update((name, reason) for name in node.outputs if name)
    return found
