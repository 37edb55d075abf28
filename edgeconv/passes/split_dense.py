"""A Dense of which other nodes read parts: one Dense for each part (queries, keys and values of attention).

 1. Split(Dense(x)) along the last axis                        -> Dense(x), Dense(x), ...
 2. Slice(Dense(x)) along the last axis, by all who read it    -> Dense(x) with these columns

The parts then have scales of their own once quantized, and constants behind them can be folded into each.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.ops.dense import Dense
from edgeconv.ops.slice import Slice
from edgeconv.ops.split import Split
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["split_dense"]


def split_dense(graph: Graph) -> int:
    """Compute parts of a linear layer apart."""
    return rewrite(graph, partial(_rule, readers=graph.consumers()))


def _rule(node: Node, view: View, readers: dict[str, list[Node]]) -> tuple[Expr | None, ...] | None:
    if not isinstance(node.op, (Slice, Split)):
        return None
    dense = view.producer(node.inputs[0], Dense)
    if dense is None or view.is_output(node.inputs[0]) or view.has_grids:
        return None
    rank, width = view.type_of(node.inputs[0]).rank, view.type_of(node.inputs[0]).shape[-1]
    spans = [_spans(reader, rank, width) for reader in readers.get(node.inputs[0], [])]
    wanted = [span for found in spans for span in found]
    if not spans or not all(spans) or not isinstance(width, int) or len(wanted) < 2:
        return None
    if sum(len(span) for span in wanted) > width:
        view.decline(node, "its parts overlap")
        return None
    constants = [view.constant(name) for name in dense.inputs[1:]]
    if any(value is None for value in constants):
        return None
    results: list[Expr | None] = []
    for span in _spans(node, rank, width):
        columns = [np.ascontiguousarray(value[..., span]) for value in constants if value is not None]
        results.append(dense.op(view.ref(dense.inputs[0]), *columns))
    return tuple(results)


def _spans(node: Node, rank: int, width: object) -> list[range]:
    """The columns that `node` takes: one range for each output; none where it takes something else."""
    if not isinstance(width, int):
        return []
    if isinstance(node.op, Split) and node.op.axis == rank - 1:
        ends = np.cumsum(node.op.sizes).tolist()
        return [range(end - size, end) for end, size in zip(ends, node.op.sizes, strict=True)]
    if isinstance(node.op, Slice) and node.op.axes == (rank - 1,):
        span = range(width)[slice(node.op.starts[0], node.op.ends[0], node.op.steps[0])]
        return [span] if len(span) else []
    return []
