"""Channels scaled and shifted behind a layer whose weight came as integers: into the weight's scales, and the bias.

  linear(x, s * q, b) -> affine      becomes      linear(x, (s |a|) * (sign(a) q), a b + c)

The integers stay, so this loses nothing; the passes leave such weights alone. It makes int8 layers of what PyTorch
writes for training that knows of quantization: Conv, Div and BatchNorm between one rounding and the next.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.linear import Affine, Linear, affine, linear
from edgeconv.passes.rewrite import View, rewrite
from edgeconv.quantize.grids import own_parameters

__all__ = ["scale_grids"]


def scale_grids(graph: Graph) -> Graph:
    """A copy in which every such map is folded, and the clamp behind it fused."""
    graph = graph.copy()
    while rewrite(graph, lambda node, view: _rule(node, view, graph)):
        fuse_clamp(graph)
    return graph


def _rule(node: Node, view: View, graph: Graph) -> Expr | None:
    for name in dict.fromkeys(node.inputs):
        source = linear(view.producer(name), view)
        outer = None if source is None else affine(node, view, source.output_axis)
        if source is None or outer is None or outer.x != name or not view.only_use(name):
            continue
        weight = source.weight.astype(np.float32)
        axis = 1 if weight.ndim == 2 else 0
        own = own_parameters(weight, axis, graph.grids)
        folded = replace(source, is_fixed=False).followed_by(outer)
        if own is None or folded is None:
            continue
        return _scaled(folded, weight, own, outer, axis, graph)
    return None


def _scaled(folded: Linear, weight: Array, own: QParams, outer: Affine, axis: int, graph: Graph) -> Expr:
    """The layer on its new grid, which the graph is told of."""
    shape = [1] * weight.ndim
    shape[axis] = -1
    old = np.broadcast_to(np.array(own.scale, np.float64), outer.factor.shape)
    new = (old * np.where(outer.factor == 0, 1, np.abs(outer.factor))).astype(np.float32)
    signs = np.sign(outer.factor).reshape(shape)
    steps = np.rint(weight.astype(np.float64) / old.reshape(shape)) * signs
    grid = QParams.per_channel(new, axis)
    if grid not in graph.grids:
        graph.grids = (*graph.grids, grid)
    return replace(folded, weight=steps * new.reshape(shape)).expr("float32")
