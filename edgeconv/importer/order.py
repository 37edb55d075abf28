"""Nodes in the order in which they can be computed, as ONNX wants them; some tools do not, and most readers sort.

Nodes that lead to no output are left out before anybody asks what they are, as ONNX Runtime does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx

__all__ = ["in_order", "needed"]


def in_order(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes, each behind those that compute what it reads; as they are where that is so, or no order does it."""
    maker: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in filter(None, node.output):
            maker.setdefault(name, place)
    needs = [sorted({maker[name] for name in _read(node) if name in maker}) for node in nodes]
    if all(place > need for place, needed in enumerate(needs) for need in needed):
        return list(nodes)
    order: dict[int, None] = {}
    opened: set[int] = set()
    stack = [*range(len(nodes))][::-1]
    while stack:
        place = stack[-1]
        waiting = [need for need in needs[place] if need not in order] if place not in opened else []
        opened.add(place)
        if any(need in opened for need in waiting):
            return list(nodes)
        if not waiting:
            order.setdefault(stack.pop())
        stack += waiting[::-1]
    return [nodes[place] for place in order]


def needed(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that lead to `outputs`, in order."""
    wanted, kept = set(outputs), list[onnx.NodeProto]()
    for node in reversed(in_order(nodes)):
        if wanted.intersection(filter(None, node.output)):
            kept.append(node)
            wanted.update(_read(node))
    return kept[::-1]


def _read(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, in its subgraphs as well (where a name may also be one of their own)."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.type in _GRAPHS else ():
            own = {value.name for value in (*graph.input, *graph.initializer)}
            own.update(name for inner in graph.node for name in inner.output)
            yield from (value.name for value in graph.output)
            yield from (name for inner in graph.node for name in _read(inner) if name not in own)


_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
