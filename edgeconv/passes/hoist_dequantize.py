"""DequantizeLinear behind a movement of integers: before it, where it meets the QuantizeLinear that made them.

 1. DequantizeLinear(movement(q))       -> movement(DequantizeLinear(q))
 2. DequantizeLinear(Concat(p, q))      -> Concat(DequantizeLinear(p), DequantizeLinear(q))

Movements neither compute nor fill in values; scale and zero point are scalars, and q is no constant.
"""

from __future__ import annotations

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, Operator
from edgeconv.ops.block_moves import DepthToSpace, SpaceToDepth
from edgeconv.ops.concat import Concat
from edgeconv.ops.expand import Expand, Tile
from edgeconv.ops.gather import Gather, GatherElements, GatherND
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.qdq import DequantizeLinear
from edgeconv.ops.reduce import ReduceMax, ReduceMin
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.slice import Slice
from edgeconv.ops.split import Split
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["hoist_dequantize"]

_MOVEMENTS: tuple[type[Operator], ...] = (
    DepthToSpace,
    Expand,
    Gather,
    GatherElements,
    GatherND,
    MaxPool,
    ReduceMax,
    ReduceMin,
    Reshape,
    Slice,
    SpaceToDepth,
    Split,
    Tile,
    Transpose,
)


def hoist_dequantize(graph: Graph) -> int:
    """Bring integers back to real values before they are moved."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, DequantizeLinear):
        return None
    source, constants = view.producer(node.inputs[0]), [view.constant(name) for name in node.inputs[1:]]
    scalars = [value.reshape(()) for value in constants if value is not None and value.size == 1]
    if source is None or len(scalars) != len(constants) or view.constant(source.inputs[0]) is not None:
        return None
    refs = view.refs(source)
    if isinstance(source.op, Concat):
        return source.op(*(node.op(ref, *scalars) for ref in refs))
    if not isinstance(source.op, _MOVEMENTS):
        return None
    return source.op(node.op(refs[0], *scalars), *refs[1:])[source.outputs.index(node.inputs[0])]
