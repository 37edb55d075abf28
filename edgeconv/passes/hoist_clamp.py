"""Bounds on integers behind QuantizeLinear: on the real values before it, where a layer or Relu may take them.

  Clamp(QuantizeLinear(x, s, z), low, high)  ->  QuantizeLinear(Clamp(x, (low - z) s, (high - z) s), s, z)

PyTorch writes Clip there where it quantizes to fewer than 8 bits. Scale and zero point are scalars.
"""

from __future__ import annotations

from math import inf

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.qdq import QuantizeLinear
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["hoist_clamp"]


def hoist_clamp(graph: Graph) -> int:
    """Bound real values instead of the integers made of them."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    source = view.producer(node.inputs[0]) if isinstance(node.op, Clamp) else None
    if source is None or not isinstance(node.op, Clamp) or not isinstance(source.op, QuantizeLinear):
        return None
    scale, zero_point = (view.constant(name) for name in source.inputs[1:])
    if scale is None or zero_point is None or scale.size != 1 or zero_point.size != 1 or not scale.reshape(()) > 0:
        return None
    limits, zero = np.iinfo(source.op.dtype), int(zero_point.reshape(()))

    def real(bound: float) -> float:
        return float(np.float32(bound - zero) * np.float32(scale.reshape(())))

    low = -inf if node.op.low <= limits.min else real(node.op.low)
    high = inf if node.op.high >= limits.max else real(node.op.high)
    x, *parameters = view.refs(source)
    return source.op(Clamp(low, high)(x), *parameters)
