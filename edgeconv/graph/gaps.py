"""Gaps: where NaN in an input stands for a value that is missing, since an operator gives it a meaning.

NaN reaches such an operator (`Operator.reads_nan`) through what keeps elements apart: moving them, functions of each.
Where it only meets sums of products, it is a mistake.
"""

from __future__ import annotations

from edgeconv.graph.graph import Graph, Node
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.cast import Cast
from edgeconv.ops.concat import Concat

__all__ = ["gaps"]


def gaps(graph: Graph) -> dict[str, frozenset[str]]:
    """Value -> the inputs that take NaN for what is missing, and have it at the same places."""
    spread = {name: frozenset((name,)) for name in graph.inputs if graph.types[name].is_float}
    taken = frozenset[str]()
    for node in graph.nodes:
        sources = frozenset[str]().union(*(spread.get(name, ()) for name in node.inputs))
        if node.op.reads_nan:
            taken |= sources
        elif _keeps_apart(node):
            spread.update((name, sources) for name in node.outputs if name)
    return {name: sources & taken for name, sources in spread.items() if sources & taken}


def _keeps_apart(node: Node) -> bool:
    rule = node.op.quant
    return (
        node.op.elementwise or isinstance(node.op, BatchNorm | Cast | Concat)
        or (rule is not None and (rule.shared or rule.table))
    )  # fmt: skip
