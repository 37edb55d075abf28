"""Raw features: columns of an input that differ much in size, each brought to [-1, 1] in float before they are int8.

int8 has one scale for a tensor, and leaves nothing of a column whose values are small beside another's. The layers that
read the input take the way back, x = half * scaled + middle, into weights and biases: the float network stays the same,
and is quantized as one that was trained behind a StandardScaler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.graph import Emitter, Graph, Node
from edgeconv.ops.add import Sub
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.mul import Mul
from edgeconv.ops.recurrent import Recurrent
from edgeconv.passes.linear import RAW_SPREAD, Affine, linear
from edgeconv.passes.rewrite import View, rewrite
from edgeconv.quantize.choose import noises
from edgeconv.quantize.ranges import activation_qparams

__all__ = ["scale_features"]

_GAIN = 0.5
"""Features are scaled only where the network's output then shows this share of the noise or less."""

_DEVIATIONS = 3

Batches = Sequence[Mapping[str, Array]]


def scale_features(graph: Graph, batches: Batches) -> Graph:
    """A graph with the same outputs whose raw features are scaled, where that pays on `batches`; or `graph`."""
    for name in graph.inputs if batches else ():
        axis = _feature_axis(graph, name)
        if axis is None:
            continue
        low, high, deviation = _ranges(batches, name, axis)
        is_padded = any(isinstance(node.op, Conv) and any(node.op.pads) for node in graph.consumers()[name])
        if is_padded:
            low, high = np.minimum(low, 0), np.maximum(high, 0)
        back = _way_back(name, low, high, deviation)
        if np.isfinite(back.factor).all() and back.spread > RAW_SPREAD:
            scaled, value = _scaled(graph, back, axis)
            ends = ((end - back.offset) / back.factor for end in (low, high))
            ways = [(graph, {name: _qparams(low, high)}), (scaled, {value: _qparams(*ends)})]
            before, after = noises(graph, ways, batches)
            graph = scaled if after <= _GAIN * before else graph
    return graph


def _feature_axis(graph: Graph, name: str) -> int | None:
    """Where an input has its features, if all that read it are layers that can take a map of them; else None."""
    known, readers, view = graph.types[name], graph.consumers().get(name, []), View(graph)
    is_open = known.dtype == "float32" and known.rank > 1 and name not in graph.outputs and name not in graph.states
    if not (is_open and readers and all(_takes_map(node, name, view) for node in readers)):
        return None
    axes = {1 if isinstance(node.op, Conv) else known.rank - 1 for node in readers}
    axis = axes.pop()
    return None if axes or not isinstance(known.shape[axis], int) else axis


def _takes_map(node: Node, name: str, view: View) -> bool:
    if view.is_protected(node) or node.inputs[0] != name or node.inputs.count(name) > 1:
        return False
    if isinstance(node.op, Recurrent):
        return node.op.is_quantizable and all(view.constant(each) is not None for each in node.inputs[1:4] if each)
    layer = linear(node, view)
    return layer is not None and isinstance(layer.op, Conv | Dense) and not layer.is_fixed


def _ranges(batches: Batches, name: str, axis: int) -> tuple[Array, Array, Array]:
    """The smallest and the largest value of every feature, and its standard deviation; float64 (features,)."""
    rows = [np.moveaxis(np.asarray(batch[name]), axis, -1) for batch in batches]
    rows = [each.reshape(-1, each.shape[-1]) for each in rows]
    count = sum(len(each) for each in rows)
    mean = sum(each.sum(axis=0, dtype=np.float64) for each in rows) / count
    variance = sum(np.square(each - mean).sum(axis=0) for each in rows) / count
    low, high = (limit([limit(each, axis=0) for each in rows], axis=0) for limit in (np.min, np.max))
    return low.astype(np.float64), high.astype(np.float64), np.sqrt(variance)


def _way_back(name: str, low: Array, high: Array, deviation: Array) -> Affine:
    """From [-1, 1] to the range of every feature, or to three deviations: other samples may go further.

    A constant feature is as wide as it is far from 0.
    """
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, _DEVIATIONS * deviation)
    half = np.where(half > 0, half, np.where(middle != 0, np.abs(middle), 1.0))
    return Affine(name, *(_rounded(each) for each in (half, middle)))


def _rounded(values: Array) -> Array:
    """As float32 holds them, in float64; infinite where it does not."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _qparams(low: Array, high: Array) -> QParams:
    return activation_qparams(float(low.min()), float(high.max()))


def _scaled(graph: Graph, back: Affine, axis: int) -> tuple[Graph, str]:
    """A copy in which layers read scaled features, and the name of these."""
    graph = graph.copy()
    emitter = Emitter(graph.types)
    shape = tuple(-1 if at == axis else 1 for at in range(graph.types[back.x].rank))
    middle, factor = (each.astype(np.float32).reshape(shape) for each in (back.offset, 1 / back.factor))
    name = emitter.fresh(f"{back.x}.scaled")
    emitter.emit([Mul()(Sub()(Ref(back.x, graph.types[back.x]), middle), factor)], [name], name)
    graph.nodes = [*emitter.nodes, *graph.nodes]
    rewrite(graph, partial(_behind, replace(back, x=name), back.x))
    graph.check("scale_features")
    return graph, name


def _behind(back: Affine, name: str, node: Node, view: View) -> Expr | tuple[Expr | None, ...] | None:
    """`node` as a layer that reads `back.x`, where it reads the input called `name`."""
    if node.inputs[:1] != (name,) or not _takes_map(node, name, view):
        return None
    if isinstance(node.op, Recurrent):
        return _recurrent_behind(back, node, view)
    layer = linear(node, view)
    moved = None if layer is None else layer.preceded_by(back, view.ref(back.x))
    return None if moved is None else moved.expr("float32")


def _recurrent_behind(back: Affine, node: Node, view: View) -> tuple[Expr | None, ...]:
    weight, bias = view.constant(node.inputs[1]), view.constant(node.inputs[3]) if len(node.inputs) > 3 else None
    assert weight is not None
    count, rows, _ = weight.shape
    total = np.zeros((count, 2 * rows)) if bias is None else bias.astype(np.float64)
    total[:, :rows] += weight.astype(np.float64) @ back.offset
    scaled, total = (each.astype(weight.dtype) for each in (weight * back.factor, total))
    call = node.op(view.ref(back.x), scaled, view.ref(node.inputs[2]), total, *view.refs(node)[4:])
    return tuple(call[at] if name else None for at, name in enumerate(node.outputs))
