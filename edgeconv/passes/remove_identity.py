"""Operators that change nothing.

1. Identity(x), Dropout                        -> x
2. Reshape, Expand, Tile, Slice, Pad,
   Resize, pooling that keep every element     -> x
3. Transpose in the order that is there        -> x
4. Cast to the dtype that is there             -> x
5. Concat of one, Split into one               -> x
6. Clamp of what lies between its bounds       -> x        Relu(Relu(x)) -> Relu(x)
7. Add 0, Sub 0, Mul 1, Div 1, Pow 1           -> x        with a clamp inside -> Clamp(x)
8. Concat with empty inputs                    -> Concat without them
9. reductions along axes of 1                  -> x, or Reshape(x)
"""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.average_pool import AveragePool
from edgeconv.ops.base import Expr, Operator, ShapeError
from edgeconv.ops.cast import Cast
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.concat import Concat
from edgeconv.ops.expand import Expand, Tile
from edgeconv.ops.identity import Identity
from edgeconv.ops.integer import bounds
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.pad import Pad
from edgeconv.ops.pow import Pow
from edgeconv.ops.reduce import ReduceMax, ReduceMean, ReduceMin, ReduceSum
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.slice import Slice
from edgeconv.ops.split import Split
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.match import is_clamped, operands, output_range
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["remove_identity"]


def remove_identity(graph: Graph) -> int:
    """Remove every operator that hands its input on unchanged."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if isinstance(node.op, (Add, Sub, Mul, Div, Pow)):
        return _neutral(node, view)
    if isinstance(node.op, Concat):
        return _concat(node, view)
    if isinstance(node.op, (ReduceMean, ReduceSum, ReduceMax, ReduceMin)):
        return _reduction(node, view)
    does_nothing = _NOTHING.get(type(node.op))
    if does_nothing is None or view.type_of(node.inputs[0]).dtype != view.type_of(node.outputs[0]).dtype:
        return None
    return view.ref(node.inputs[0]) if does_nothing(node.op, node, view) else None


def _same_shape(op: Operator, node: Node, view: View) -> bool:
    return view.type_of(node.inputs[0]).shape == view.type_of(node.outputs[0]).shape


def _is_inside(op: Operator, node: Node, view: View) -> bool:
    low, high = output_range(view, node.inputs[0])
    return bounds(op)[0] <= low and high <= bounds(op)[1]


def _is_whole(op: Operator, node: Node, view: View) -> bool:
    return isinstance(op, Slice) and set(op.steps) == {1} and _same_shape(op, node, view)


def _is_single(op: Operator, node: Node, view: View) -> bool:
    assert isinstance(op, (AveragePool, MaxPool))
    return set(op.kernel) == {1} and set(op.strides) == {1} and not any(op.pads)


_NOTHING: dict[type[Operator], Callable[[Operator, Node, View], bool]] = {
    Identity: lambda op, node, view: True,
    Cast: lambda op, node, view: True,
    Reshape: _same_shape,
    Expand: _same_shape,
    Tile: lambda op, node, view: isinstance(op, Tile) and set(op.repeats) <= {1},
    Slice: _is_whole,
    Pad: lambda op, node, view: isinstance(op, Pad) and not any(op.pads),
    Transpose: lambda op, node, view: isinstance(op, Transpose) and list(op.perm) == sorted(op.perm),
    Split: lambda op, node, view: isinstance(op, Split) and len(op.sizes) == 1,
    Clamp: _is_inside,
    AveragePool: _is_single,
    MaxPool: _is_single,
}
"""Operator -> whether a node of it does nothing, given that its dtype stays."""


def _neutral(node: Node, view: View) -> Expr | None:
    """Cases 7."""
    pair = operands(node, view)
    if pair is None:
        return None
    variable, constant = pair
    neutral = 0 if isinstance(node.op, (Add, Sub)) else 1
    can_be_first = isinstance(node.op, (Add, Mul))
    if not (constant == neutral).all() or not (can_be_first or node.inputs[0] == variable):
        return None
    x = view.ref(variable)
    return Clamp(*bounds(node.op))(x) if is_clamped(node.op) else x


def _concat(node: Node, view: View) -> Expr | None:
    """Cases 5 and 8."""
    assert isinstance(node.op, Concat)
    axis = node.op.axis
    kept = [name for name in node.inputs if view.type_of(name).shape[axis] != 0]
    if len(kept) == len(node.inputs) > 1 or not kept:
        return None
    refs = [view.ref(name) for name in kept]
    return refs[0] if len(refs) == 1 else node.op(*refs)


def _reduction(node: Node, view: View) -> Expr | None:
    """Case 9."""
    x = view.ref(node.inputs[0])
    assert isinstance(node.op, (ReduceMean, ReduceSum, ReduceMax, ReduceMin))
    if any(x.type.shape[axis] != 1 for axis in node.op.axes):
        return None
    if node.op.keep_dims:
        return x
    try:
        return reshape_to(x, x.type.shape, view.type_of(node.outputs[0]).shape)
    except (Unsupported, ShapeError):
        return None
