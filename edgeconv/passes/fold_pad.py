"""Pad into the sliding window behind it.

 1. Pad with one value -> Conv without pads, or with the same value  -> Conv with these pads
 2. Pad with 0 -> AveragePool that counts its padding, or has none   -> AveragePool that counts these pads
 3. Pad with -inf, or with what no element is below -> MaxPool       -> MaxPool with these pads

Only where spatial dimensions alone are padded, and by less than the window for pooling.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.average_pool import AveragePool
from edgeconv.ops.base import Call, Expr
from edgeconv.ops.conv import Conv
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.pad import Pad
from edgeconv.passes.match import output_range, valid
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fold_pad"]


def fold_pad(graph: Graph) -> int:
    """Let windows do their own padding."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, (Conv, AveragePool, MaxPool)):
        return None
    source = view.producer(node.inputs[0], Pad)
    if source is None:
        return None
    assert isinstance(source.op, Pad)
    pads = _spatial(source.op)
    if pads is None:
        view.decline(node, "the Pad before it does more than to pad spatial dimensions with a constant")
        return None
    if not view.only_use(node.inputs[0]):
        view.decline(node, "the Pad before it is used elsewhere, too")
        return None
    return _padded(node, source, source.op.value, pads, view)


def _padded(node: Node, source: Node, value: float, pads: tuple[int, ...], view: View) -> Expr | None:
    op = node.op
    assert isinstance(op, (Conv, AveragePool, MaxPool))
    together = tuple(a + b for a, b in zip(op.pads, pads, strict=True))
    rest = view.refs(node)[1:]
    call: Call | None = None
    if isinstance(op, Conv):
        values = _pad_values(op, value, view.type_of(source.inputs[0]).shape[1])
        filled = None if values is None else replace(op, pads=together, pad_values=values)
        call = None if filled is None else filled(view.ref(source.inputs[0]), *rest)
    elif op.ceil_mode or any(pad >= size for pad, size in zip(together, op.kernel * 2, strict=True)):
        call = None
    elif isinstance(op, AveragePool):
        if value == 0 and (op.count_include_pad or not any(op.pads)):
            call = replace(op, pads=together, count_include_pad=True)(view.ref(source.inputs[0]))
    elif _never_wins(value, source, view) and set(op.dilations) == {1}:
        call = replace(op, pads=together)(view.ref(source.inputs[0]))
    if call is None or not valid(call, view.type_of(node.outputs[0])):
        view.decline(node, "it cannot pad as the Pad before it does")
        return None
    return call


def _pad_values(conv: Conv, value: float, channels: object) -> tuple[float, ...] | None:
    """What a Conv pads with that takes over a Pad with `value`, if its own padding is the same."""
    if not np.isfinite(value) or not isinstance(channels, int):
        return None
    wanted = (value,) * channels
    if any(conv.pads) and (conv.pad_values or (0.0,) * channels) != wanted:
        return None
    return wanted if value else ()


def _never_wins(value: float, source: Node, view: View) -> bool:
    return value == -inf or value <= output_range(view, source.inputs[0])[0]


def _spatial(pad: Pad) -> tuple[int, ...] | None:
    """The pads of the spatial dimensions, begins before ends, if there are no others."""
    rank = len(pad.pads) // 2
    others = (*pad.pads[:2], *pad.pads[rank : rank + 2])
    if pad.mode != "constant" or any(others) or min(pad.pads) < 0:
        return None
    return (*pad.pads[2:rank], *pad.pads[rank + 2 :])
