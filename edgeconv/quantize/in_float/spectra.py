"""Spectra inside a network: a filter bank or Fourier transform by products, squares and sums, then a logarithm or root.

Loud and quiet parts of a signal differ by more than 8 bits can hold, and a logarithm makes them alike. So what leads
from the network's inputs to it stays in float, weights included; its result fits 8 bits well.
"""

from __future__ import annotations

from math import inf

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Max, Sub
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.concat import Concat
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.elementwise import Abs, Log, Neg, Sqrt
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.pow import Pow
from edgeconv.ops.reduce import Reduction
from edgeconv.ops.split import Split

__all__ = ["spectra"]

_REASON = "it makes a spectrum, whose loud and quiet parts differ by more than 8 bits hold"
_SIGNAL = (Abs, Add, Concat, Div, Log, MatMul, Max, Mul, Neg, Pow, Reduction, Split, Sqrt, Sub)
"""What is done to signals, beside filters without an activation, floors, and moving data."""


def spectra(graph: Graph) -> dict[str, str]:
    """First output -> reason, of what leads from the inputs to a logarithm or root of sums of products, and of that."""
    signals: dict[str, frozenset[str]] = {name: frozenset() for name in graph.inputs}
    products, found = set[str](), dict[str, str]()
    for node in graph.nodes:
        sources = [name for name in node.inputs if name and graph.constant(name) is None]
        if not _is_of_signals(node) or any(name not in signals for name in sources):
            continue
        before = frozenset[str]().union(*(signals[name] for name in sources), [node.outputs[0]])
        signals.update((name, before) for name in node.outputs if name)
        if isinstance(node.op, Conv | Dense | MatMul):
            products.add(node.outputs[0])
        if isinstance(node.op, Log | Sqrt) and products & before:
            found.update(dict.fromkeys(before, _REASON))
    return found


def _is_of_signals(node: Node) -> bool:
    op, rule = node.op, node.op.quant
    if isinstance(op, Conv | Dense):
        return op.low == -inf and op.high == inf
    if isinstance(op, Clamp):
        return op.low > 0 and op.high == inf
    return isinstance(op, _SIGNAL) or (rule is not None and rule.shared)
