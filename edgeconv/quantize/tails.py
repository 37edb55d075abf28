"""The tail of a network: what comes after its last products, up to its outputs or to operators in float.

There, boxes in pixels stand beside scores of at most 1, and offsets of a few cells are added to places on a grid. One
scale for both leaves nothing of the smaller, and a tail has few operations: from where such values meet, it is float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp, inf

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Operator
from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Exp, Reciprocal
from edgeconv.ops.mul import Div, Mul
from edgeconv.quantize.observers import Observer
from edgeconv.quantize.select import Selection
from edgeconv.quantize.statistics import Statistics

__all__ = ["keep_tails_in_float"]

_MOST = 4.0
"""Times that a range may be wider than another which shares its steps: two of the eight bits are lost."""

_Range = Callable[[str], tuple[float, float]]


def keep_tails_in_float(
    graph: Graph, selection: Selection, statistics: Mapping[str, Statistics], observer: Observer
) -> None:
    """Take out of `selection` what computes in a tail with values of very different ranges, and all that follows."""
    reasons: dict[str, str] = {}
    for node in _tail(graph, selection):
        before = next((reasons[name] for name in node.inputs if name in reasons), None)
        reason = before or _mixture(graph, node, lambda name: observer(statistics[name]), statistics)
        if reason is not None:
            reasons.update(dict.fromkeys(node.outputs, reason))
    for node in graph.nodes:
        if selection.has(node) and node.outputs[0] in reasons:
            selection.int8.discard(node.outputs[0])
            selection.reasons[node.outputs[0]] = reasons[node.outputs[0]]


def _tail(graph: Graph, selection: Selection) -> list[Node]:
    """int8 nodes without products whose results only such nodes and float ones read, in order."""
    consumers, free = graph.consumers(), set[str]()
    for node in reversed(graph.nodes):
        is_soft = type(node.op).macs is Operator.macs and selection.has(node)
        readers = (reader for name in node.outputs for reader in consumers.get(name, []))
        if is_soft and all(not selection.has(reader) or reader.outputs[0] in free for reader in readers):
            free.add(node.outputs[0])
    return [node for node in graph.nodes if node.outputs[0] in free]


def _mixture(graph: Graph, node: Node, seen: _Range, statistics: Mapping[str, Statistics]) -> str | None:
    """Why one scale is too coarse for what `node` gives, or None."""
    constants = [value for name in node.inputs if name and (value := graph.constant(name)) is not None]
    variable = [name for name in node.inputs if name in statistics]
    if isinstance(node.op, Exp | Reciprocal):
        is_after_a_layer = bool(variable) and variable[0] not in graph.inputs
        grows = is_after_a_layer and _growth(node, *seen(variable[0])) >= _MOST**2
        return (
            "its results differ so much in size that one scale would leave nothing of the smaller ones"
            if grows
            else None
        )
    if isinstance(node.op, Mul | Div):
        if any(_spread(abs(value)) >= _MOST for value in constants):
            return "its factors differ so much that one scale would leave nothing of its smaller results"
        return None
    if not isinstance(node.op, Concat) and not (constants and isinstance(node.op, Add | Sub)):
        return None
    least, most = min((_width(*seen(name)) for name in variable), default=0.0), _width(*seen(node.outputs[0]))
    if least > 0 and least * _MOST < most:
        return f"values up to {least:.3g} and up to {most:.3g} meet in it; one scale would leave nothing of the smaller"
    return None


def _width(low: float, high: float) -> float:
    """Of the range that holds zero, too."""
    return max(high, 0.0) - min(low, 0.0)


def _growth(node: Node, low: float, high: float) -> float:
    """How many times the largest result of an exponential or a reciprocal is the smallest."""
    if isinstance(node.op, Exp):
        return exp(min(high - low, 80.0))
    return inf if low <= 0 <= high else max(low / high, high / low)


def _spread(values: Array) -> float:
    """How many times the largest of some magnitudes is the smallest."""
    return float(values.max() / values.min()) if values.size and values.min() > 0 else 1.0
