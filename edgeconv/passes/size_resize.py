"""Resize by ratios of open dimensions, as PyTorch writes F.interpolate(x, size) before opset 11: to sizes.

Resize(x, dims(a) / dims(x))   -> Resize to dims(a), which one operator reads off the graph's inputs
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.graph.shapes import any_shape_expression
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.resize_base import ResizeBase
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["size_resize"]


def size_resize(graph: Graph) -> int:
    """Let no float decide on a size that dimensions tell exactly."""
    sources = [Ref(name, graph.types[name]) for name in graph.inputs]
    return rewrite(graph, partial(_rule, sources))


def _rule(sources: list[Ref], node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, ResizeBase) or len(node.inputs) != 2:
        return None
    x, scales = view.ref(node.inputs[0]), view.type_of(node.inputs[1])
    sizes = node.op.proportional(x.type, scales) if scales.is_float else None
    if sizes is None:
        return None
    changed = [(axis, size) for axis, size in zip(node.op.axes, sizes, strict=True) if size != x.type.shape[axis]]
    if not changed:
        return x
    wanted = np.empty(len(changed), object)
    wanted[:] = [size for _, size in changed]
    found = any_shape_expression(wanted, "int64", sources)
    if found is None:
        return None
    return replace(node.op, axes=tuple(axis for axis, _ in changed), scales=(), sizes=())(x, found)
