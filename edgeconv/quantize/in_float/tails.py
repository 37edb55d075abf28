"""The tail of a network: what comes after its last products, up to its outputs or to operators in float.

There, boxes in pixels stand beside scores of at most 1, and offsets of a few cells are added to places on a grid. One
scale for both leaves nothing of the smaller, and a tail has few operations: from where such values meet, it is float.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import exp, inf

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Operator
from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Exp, Reciprocal
from edgeconv.ops.mul import Div, Mul
from edgeconv.quantize.in_float.following import with_following

__all__ = ["Ranges", "tails"]

Ranges = Mapping[str, tuple[float, float]]
"""Value -> (lowest, highest) real value that its integers shall represent."""

_MOST = 4.0
"""Times that a range may be wider than another which shares its steps: two of the eight bits are lost."""


def tails(graph: Graph, int8: Set[str], ranges: Ranges) -> dict[str, str]:
    """First output -> reason, of what computes in a tail with values of very different ranges, and of what follows.

    int8: the nodes, by their first output, that shall compute in int8.
    """
    return with_following(_tail(graph, int8), lambda node: _mixture(graph, node, ranges))


def _tail(graph: Graph, int8: Set[str]) -> list[Node]:
    """int8 nodes without products whose results only such nodes and float ones read, in order."""
    consumers, free = graph.consumers(), set[str]()
    for node in reversed(graph.nodes):
        is_soft = type(node.op).macs is Operator.macs and node.outputs[0] in int8
        readers = [reader.outputs[0] for name in node.outputs for reader in consumers.get(name, [])]
        if is_soft and all(key not in int8 or key in free for key in readers):
            free.add(node.outputs[0])
    return [node for node in graph.nodes if node.outputs[0] in free]


def _mixture(graph: Graph, node: Node, ranges: Ranges) -> str | None:
    """Why one scale is too coarse for what `node` gives, or None."""
    constants = [value for name in node.inputs if name and (value := graph.constant(name)) is not None]
    variable = [name for name in node.inputs if name in ranges]
    if isinstance(node.op, Exp | Reciprocal):
        is_after_a_layer = bool(variable) and variable[0] not in graph.inputs
        grows = is_after_a_layer and _growth(node, *ranges[variable[0]]) >= _MOST**2
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
    least, most = min((_width(*ranges[name]) for name in variable), default=0.0), _width(*ranges[node.outputs[0]])
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
