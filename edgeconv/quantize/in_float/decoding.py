"""What comes behind the last layer and makes boxes or coordinates of it: 8 bits are too few, and it costs little.

1. sums and products with a grid, anchors, strides, the size of the image; what follows, and what is only there for them
   (a few sums with vectors or inputs alone are biases or residuals)
2. what is computed from such numbers alone, before any layer
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Operator
from edgeconv.ops.concat import Concat
from edgeconv.ops.mul import Div, Mul
from edgeconv.quantize.in_float.following import with_following

__all__ = ["decoding"]

_REASON = "it makes boxes or coordinates of what the last layers give, and 8 bits are too few for them"
_SEVERAL = 4
_BOUNDED = ("HardSigmoid", "LogSoftmax", "Sigmoid", "Softmax", "Tanh")


def decoding(graph: Graph) -> dict[str, str]:
    """First output -> reason, of every such node."""
    keys = _Tail(graph).decoding()
    return {node.outputs[0]: _REASON for node in graph.nodes if node.outputs[0] in keys}


class _Tail:
    """The nodes that no layer depends on.

    `after`: the values that depend on a layer; `before`: those on which one depends; `fed`: those that depend on the
    data of an input.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph, self._producers, self._consumers = graph, graph.producers(), graph.consumers()
        self._after, self._before = set[str](), set[str]()
        for node in graph.nodes:
            if _is_layer(node) or not self._after.isdisjoint(node.inputs):
                self._after.update(node.outputs)
        self._fed = set(graph.inputs)
        for node in graph.nodes:
            reads = [name for name in node.inputs if name in self._fed and node.op_name not in ("Dims", "Shape")]
            self._fed.update(node.outputs if reads else ())
        for node in reversed(graph.nodes):
            if _is_layer(node) or not self._before.isdisjoint(node.outputs):
                self._before.update(node.inputs)
        self._nodes = [node for node in graph.nodes if not _is_layer(node) and self._before.isdisjoint(node.outputs)]

    def decoding(self) -> set[str]:
        """What decodes, all behind it, what is there for it alone, and what no layer comes before or after."""
        first = {node.outputs[0]: node for node in self._nodes if self._decodes(node)}
        is_few = len(first) < _SEVERAL and not any(self._has_grid(node) for node in first.values())
        found = {node.outputs[0] for node in self._nodes if not is_few and self._after.isdisjoint(node.outputs)}
        if not is_few:
            found.update(with_following(self._nodes, lambda node: _REASON if node.outputs[0] in first else None))
        ahead = self._ahead(found)
        for node in self._nodes:  # movements of what is in int8 stay so
            if node.outputs[0] in ahead and _moves(node):
                made = [self._producers[name].outputs[0] for name in node.inputs if name in self._producers]
                ahead.difference_update(() if any(key in ahead for key in made) else node.outputs[:1])
        return found | ahead

    def _ahead(self, found: set[str]) -> set[str]:
        ahead = set[str]()
        for node in reversed(self._nodes):
            read = [each.outputs[0] for name in node.outputs for each in self._consumers.get(name, ())]
            is_alone = read and all(key in found or key in ahead for key in read)
            is_simple = _moves(node) or (node.op.elementwise and node.op_name not in _BOUNDED)
            if is_alone and is_simple and node.outputs[0] not in found:
                ahead.update(() if any(name in self._graph.outputs for name in node.outputs) else node.outputs[:1])
        return ahead

    def _decodes(self, node: Node) -> bool:
        """Is it a sum or product of what a layer gives, and of numbers that are there without one?"""
        return (
            isinstance(node.op, (Add, Sub, Mul, Div))
            and not self._after.isdisjoint(node.inputs)
            and any(self._is_given(name) for name in node.inputs[:2])
        )

    def _has_grid(self, node: Node) -> bool:
        """Does it read a table of more than one dimension, that follows from constants and shapes alone?"""
        given = [name for name in node.inputs[:2] if self._is_given(name) and name not in self._fed]
        return any(sum(dim != 1 for dim in self._graph.types[name].shape) > 1 for name in given)

    def _is_given(self, name: str) -> bool:
        is_one = all(dim == 1 for dim in self._graph.types[name].shape)
        return not is_one and name not in self._after and name not in self._before


def _is_layer(node: Node) -> bool:
    return type(node.op).macs is not Operator.macs


def _moves(node: Node) -> bool:
    rule = node.op.quant
    return rule is not None and rule.shared and not isinstance(node.op, Concat)
