"""Two movements of data in a row, as one.

1. Reshape(Reshape(x))              -> Reshape(x)
2. Transpose(Transpose(x))          -> Transpose(x)
3. Transpose that only moves dimensions of 1   -> Reshape
4. Slice(Slice(x))                  -> Slice(x), on other axes, or on the same one with steps forward
5. Cast(Cast(x))                    -> Cast(x) where the first loses nothing
6. Pad(Pad(x)) with the same value  -> Pad(x)
7. Concat(Concat(a, b), c)          -> Concat(a, b, c) along the same axis
8. Reshape(Gather(x, i))            -> Reshape(Slice(x)), i a single constant
9. Gather(x, constant range)        -> Slice(x)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, Operator, ShapeError
from edgeconv.ops.cast import Cast
from edgeconv.ops.concat import Concat
from edgeconv.ops.gather import Gather
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.pad import Pad
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.slice import EVERYTHING, Slice
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["merge_movement"]


def merge_movement(graph: Graph) -> int:
    """Join chains of movements."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    merge = _MERGES.get(type(node.op))
    if merge is None:
        return None
    try:
        return merge(node, view)
    except (Unsupported, ShapeError) as error:
        view.decline(node, str(error))
        return None


def _reshape(node: Node, view: View) -> Expr | None:
    """Cases 1 and 8."""
    source, target = view.producer(node.inputs[0]), view.type_of(node.outputs[0]).shape
    if source is None:
        return None
    if isinstance(source.op, Reshape):
        x = view.ref(source.inputs[0])
        return reshape_to(x, x.type.shape, target)
    index = view.constant(source.inputs[1]) if isinstance(source.op, Gather) else None
    if index is None or index.size != 1 or not view.only_use(node.inputs[0]):
        return None
    assert isinstance(source.op, Gather)
    x = view.ref(source.inputs[0])
    part = _range(int(index.reshape(())), 1, 1, source.op.axis)(x)
    is_one = part.type.shape[source.op.axis] == 1  # of an open dimension, there may be none
    return reshape_to(part, part.type.shape, target) if is_one else None


def _range(start: int, count: int, step: int, axis: int) -> Slice:
    """`count` elements from `start` on along `axis`; a negative start counts from the back."""
    end = start + count * step
    return Slice((start,), (EVERYTHING if start < 0 <= end else end,), (axis,), (step,))


def _transpose(node: Node, view: View) -> Expr | None:
    """Cases 2 and 3."""
    assert isinstance(node.op, Transpose)
    shape = view.type_of(node.inputs[0]).shape
    moved = [axis for axis in node.op.perm if shape[axis] != 1]
    if moved == sorted(moved):
        return reshape_to(view.ref(node.inputs[0]), shape, view.type_of(node.outputs[0]).shape)
    source = view.producer(node.inputs[0], Transpose)
    if source is None or not view.only_use(node.inputs[0]):
        return None
    assert isinstance(source.op, Transpose)
    inner = source.op.perm
    return Transpose(tuple(inner[axis] for axis in node.op.perm))(view.ref(source.inputs[0]))


def _slice(node: Node, view: View) -> Expr | None:
    """Case 4."""
    source = view.producer(node.inputs[0], Slice)
    if source is None or not view.only_use(node.inputs[0]):
        return None
    assert isinstance(source.op, Slice) and isinstance(node.op, Slice)
    x = view.ref(source.inputs[0])
    spans = {axis: (start, end, step) for start, end, axis, step in _spans(source.op)}
    for start, end, axis, step in _spans(node.op):
        if axis not in spans:
            spans[axis] = (start, end, step)
            continue
        dim, middle = x.type.shape[axis], view.type_of(node.inputs[0]).shape[axis]
        if not isinstance(dim, int) or not isinstance(middle, int):
            return None
        chosen = range(*slice(*spans[axis]).indices(dim))[slice(start, end, step)]
        if chosen.step < 0 or not len(chosen):
            return None
        spans[axis] = (chosen.start, chosen.stop, chosen.step)
    axes = sorted(spans)
    starts, ends, steps = zip(*(spans[axis] for axis in axes), strict=True)
    return Slice(starts, ends, tuple(axes), steps)(x)


def _spans(op: Slice) -> list[tuple[int, int, int, int]]:
    return list(zip(op.starts, op.ends, op.axes, op.steps, strict=True))


def _cast(node: Node, view: View) -> Expr | None:
    """Case 5."""
    source = view.producer(node.inputs[0], Cast)
    if source is None:
        return None
    x = view.ref(source.inputs[0])
    between = view.type_of(node.inputs[0]).dtype
    return node.op(x) if np.can_cast(np.dtype(x.type.dtype), np.dtype(between), "safe") else None


def _pad(node: Node, view: View) -> Expr | None:
    """Case 6."""
    source = view.producer(node.inputs[0], Pad)
    if source is None or not view.only_use(node.inputs[0]):
        return None
    inner, outer = source.op, node.op
    assert isinstance(inner, Pad) and isinstance(outer, Pad)
    if (inner.mode, outer.mode) != ("constant", "constant") or inner.value != outer.value:
        return None
    if min(*inner.pads, *outer.pads) < 0:
        return None
    pads = tuple(a + b for a, b in zip(inner.pads, outer.pads, strict=True))
    return Pad(pads, "constant", outer.value)(view.ref(source.inputs[0]))


def _concat(node: Node, view: View) -> Expr | None:
    """Case 7."""
    inputs: list[str] = []
    for name in node.inputs:
        source = view.producer(name, Concat)
        joins = source is not None and source.op == node.op and view.only_use(name)
        inputs.extend(source.inputs if source is not None and joins else (name,))
    return node.op(*(view.ref(name) for name in inputs)) if len(inputs) > len(node.inputs) else None


def _gather(node: Node, view: View) -> Expr | None:
    """Case 9."""
    assert isinstance(node.op, Gather)
    index = view.constant(node.inputs[1])
    if index is None or index.ndim != 1 or not index.size or index.dtype == object:
        return None
    places = index.astype(np.int64)
    steps = np.unique(np.diff(places))
    step = int(steps[0]) if steps.size else 1
    if steps.size > 1 or step < 1 or (places[0] < 0 <= places[-1]):
        return None
    call = _range(int(places[0]), index.size, step, node.op.axis)(view.ref(node.inputs[0]))
    return call if call.type.shape == view.type_of(node.outputs[0]).shape else None


_MERGES: dict[type[Operator], Callable[[Node, View], Expr | None]] = {
    Reshape: _reshape,
    Transpose: _transpose,
    Slice: _slice,
    Cast: _cast,
    Pad: _pad,
    Concat: _concat,
    Gather: _gather,
}
