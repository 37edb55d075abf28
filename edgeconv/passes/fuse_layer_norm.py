"""LayerNorm and RmsNorm from their parts, and what follows them.

With d = x - mean(x) over the last axes, and v = mean(d * d) or mean(d^2):
 1. d / sqrt(v + epsilon), d * reciprocal(sqrt(...)), d * (...)^-0.5      -> LayerNorm(x, 1)
 2. x / sqrt(mean(x * x) + epsilon), the same spellings                   -> RmsNorm(x, 1)
 3. x * r + (b - mean(x) * r), r = g * reciprocal(sqrt(v + epsilon))      -> LayerNorm(x, g, b)     tf2onnx
 4. LayerNorm or RmsNorm, then Mul by a constant                          -> the scale takes it
 5. LayerNorm, then Add of a constant                                     -> the bias takes it
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Call, Expr
from edgeconv.ops.elementwise import Reciprocal, Sqrt
from edgeconv.ops.layer_norm import LayerNorm, RmsNorm
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.pow import Pow
from edgeconv.ops.reduce import ReduceMean
from edgeconv.passes.match import is_clamped, near, operands, scalar, valid
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_layer_norm"]


def fuse_layer_norm(graph: Graph) -> int:
    """Recognise normalised rows, and fold the scale and the bias after them."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, (Add, Mul, Div)) or is_clamped(node.op):
        return None
    found = _scaled(node, view) or _normalised(node, view) or _spread(node, view)
    return found if found is not None and valid(found, view.type_of(node.outputs[0])) else None


def _scaled(node: Node, view: View) -> Call | None:
    """Cases 4 and 5."""
    pair = operands(node, view)
    source = view.producer(pair[0]) if pair is not None else None
    if pair is None or source is None or not isinstance(source.op, (LayerNorm, RmsNorm)):
        return None
    scale = view.constant(source.inputs[1])
    bias = view.constant(source.inputs[2]) if len(source.inputs) > 2 else None
    if scale is None or (len(source.inputs) > 2 and bias is None) or not view.only_use(pair[0]):
        return None
    x, value = view.ref(source.inputs[0]), pair[1].astype(np.float64)
    if isinstance(node.op, Mul):
        return _norm(source.op, x, scale * value, None if bias is None else bias * value, scale.dtype)
    if isinstance(node.op, Add) and isinstance(source.op, LayerNorm):
        return _norm(source.op, x, scale, value if bias is None else bias + value, scale.dtype)
    return None


def _norm(op: LayerNorm | RmsNorm, x: Expr, scale: Array, bias: Array | None, dtype: np.dtype) -> Call:
    constants = [np.ascontiguousarray(array, dtype) for array in (scale, bias) if array is not None]
    return op(x, *constants)


def _normalised(node: Node, view: View) -> Call | None:
    """Cases 1 and 2."""
    is_inverse = isinstance(node.op, Mul)
    for top, deviation in (node.inputs, node.inputs[::-1]) if is_inverse else (node.inputs,):
        inside = _root(deviation, view, is_inverse)
        if inside is None:
            continue
        variance, epsilon = inside
        found = _mean_square(variance, view)
        if found is None or found[0] != top:
            continue
        axis = found[1]
        x = _centred(top, axis, view)
        op = RmsNorm(axis, epsilon) if x is None else LayerNorm(axis, epsilon)
        return op(view.ref(top if x is None else x), _ones(view, top, axis))
    return None


def _ones(view: View, name: str, axis: int) -> Array:
    known = view.type_of(name)
    return np.ones([dim if isinstance(dim, int) else 1 for dim in known.shape[axis:]], known.dtype)


def _root(name: str, view: View, is_inverse: bool) -> tuple[str, float] | None:
    """(v, epsilon) if `name` is sqrt(v + epsilon), or the inverse of that."""
    total = view.producer(_radicand(name, view, is_inverse) or "", Add)
    if total is None or is_clamped(total.op):
        return None
    for variance, constant in (total.inputs, total.inputs[::-1]):
        epsilon = scalar(view, constant)
        if epsilon is not None and epsilon >= 0:
            return variance, epsilon
    return None


def _radicand(name: str, view: View, is_inverse: bool) -> str | None:
    """y if `name` is sqrt(y), or the inverse of that."""
    node = view.producer(name)
    if node is None or is_clamped(node.op):
        return None
    if isinstance(node.op, Pow):
        return node.inputs[0] if near(scalar(view, node.inputs[1]), -0.5 if is_inverse else 0.5) else None
    if not is_inverse:
        return node.inputs[0] if isinstance(node.op, Sqrt) else None
    if isinstance(node.op, Reciprocal):
        return _radicand(node.inputs[0], view, False)
    if isinstance(node.op, Div) and near(scalar(view, node.inputs[0]), 1):
        return _radicand(node.inputs[1], view, False)
    return None


def _mean_square(name: str, view: View) -> tuple[str, int] | None:
    """(d, axis) if `name` is the mean of d * d over all axes from `axis` on."""
    mean = view.producer(name, ReduceMean)
    axis = None if mean is None else _last_axes(mean, view)
    square = None if mean is None else view.producer(mean.inputs[0])
    if axis is None or square is None or is_clamped(square.op):
        return None
    if isinstance(square.op, Pow) and near(scalar(view, square.inputs[1]), 2):
        return square.inputs[0], axis
    is_square = isinstance(square.op, Mul) and square.inputs[0] == square.inputs[1]
    return (square.inputs[0], axis) if is_square else None


def _last_axes(mean: Node, view: View) -> int | None:
    assert isinstance(mean.op, ReduceMean)
    rank = view.type_of(mean.inputs[0]).rank
    axes = mean.op.axes
    return axes[0] if mean.op.keep_dims and axes and axes == tuple(range(axes[0], rank)) else None


def _centred(name: str, axis: int, view: View) -> str | None:
    """x if `name` is x minus its mean over all axes from `axis` on."""
    node = view.producer(name, Sub)
    mean = None if node is None or is_clamped(node.op) else view.producer(node.inputs[1], ReduceMean)
    if node is None or mean is None or mean.inputs[0] != node.inputs[0]:
        return None
    return node.inputs[0] if _last_axes(mean, view) == axis else None


def _spread(node: Node, view: View) -> Call | None:
    """Case 3."""
    if not isinstance(node.op, Add):
        return None
    for product, rest in (node.inputs, node.inputs[::-1]):
        left, right = view.producer(product, Mul), view.producer(rest, Sub)
        shift = None if right is None or is_clamped(right.op) else view.producer(right.inputs[1], Mul)
        bias = None if right is None else view.constant(right.inputs[0])
        if left is None or shift is None or bias is None or is_clamped(left.op) or is_clamped(shift.op):
            continue
        shared = set(left.inputs) & set(shift.inputs)
        if len(shared) != 1:
            continue
        ratio = shared.pop()
        x = next((name for name in left.inputs if name != ratio), ratio)
        mean = next((name for name in shift.inputs if name != ratio), ratio)
        found = _spread_parts(x, mean, ratio, bias, view)
        if found is not None:
            return found
    return None


def _spread_parts(x: str, mean: str, ratio: str, bias: Array, view: View) -> Call | None:
    """LayerNorm(x, g, bias) if `ratio` is g / sqrt(v + epsilon), v and `mean` those of x."""
    node = view.producer(ratio)
    scale: Array = np.ones((), np.float64)
    inside = _root(ratio, view, True)
    if inside is None and node is not None and isinstance(node.op, Mul) and not is_clamped(node.op):
        for variable, constant in (node.inputs, node.inputs[::-1]):
            value = view.constant(constant)
            if value is not None:
                scale, inside = value, _root(variable, view, True)
    average = view.producer(mean, ReduceMean)
    square = None if inside is None else _mean_square(inside[0], view)
    if inside is None or square is None or average is None or average.inputs[0] != x:
        return None
    if _last_axes(average, view) != square[1] or _centred(square[0], square[1], view) != x:
        return None
    dtype = np.dtype(view.type_of(x).dtype)
    ones = _ones(view, x, square[1])
    return _norm(LayerNorm(square[1], inside[1]), view.ref(x), scale * ones, bias, dtype)
