"""Masked attention: scores to which a constant adds a huge negative number, or -infinity, before Softmax."""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.softmax import Softmax
from edgeconv.ops.where import Where
from edgeconv.quantize.in_float.following import with_following

__all__ = ["masked_softmax"]

_MASK = -1e3
"""A constant at most this, in a sum or a choice before Softmax, stands for "not this one"."""
_REASON = "it masks scores with numbers so low that int8 could not tell the scores apart beside them"


def masked_softmax(graph: Graph) -> dict[str, str]:
    """First output -> reason, of every masked Softmax and of what is between the mask and it."""
    producers = graph.producers()
    found: dict[str, str] = {}
    for softmax in graph.nodes:
        if isinstance(softmax.op, Softmax):
            chain = _chain(graph, softmax, producers)
            masked = with_following(chain, lambda node: _REASON if _holds_mask(graph, node) else None)
            found.update(masked if softmax.outputs[0] in masked else {})
    return found


def _chain(graph: Graph, softmax: Node, producers: dict[str, Node]) -> list[Node]:
    """What a Softmax is computed by, element by element or by moving data, and the Softmax itself, in order."""
    seen, todo = {softmax.outputs[0]}, [softmax]
    while todo:
        for each in _before(todo.pop(), producers):
            if each.outputs[0] not in seen:
                seen.add(each.outputs[0])
                todo.append(each)
    return [node for node in graph.nodes if node.outputs[0] in seen]


def _before(node: Node, producers: dict[str, Node]) -> list[Node]:
    """What computes the inputs of `node`, as far as it works element by element or only moves data."""
    known = [producers[name] for name in node.inputs if name in producers]
    return [each for each in known if _keeps_values(each)]


def _keeps_values(node: Node) -> bool:
    rule = node.op.quant
    return isinstance(node.op, Where) or node.op.elementwise or (rule is not None and rule.shared)


def _holds_mask(graph: Graph, node: Node) -> bool:
    if not _keeps_values(node):
        return False
    constants = [value for name in node.inputs if name and (value := graph.constant(name)) is not None]
    return any(value.dtype.kind == "f" and value.size and float(value.min()) <= _MASK for value in constants)
