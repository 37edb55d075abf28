"""Resize that crops first (tf_crop_and_resize), from operators that are there already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Dim
from edgeconv.ops.add import Add, Max, Min, Sub
from edgeconv.ops.axes import is_plain
from edgeconv.ops.base import Expr, Ref, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.compare import Greater, Less
from edgeconv.ops.elementwise import Ceil, Floor
from edgeconv.ops.gather import Gather
from edgeconv.ops.logic import Or
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.reshape import reshape_to
from edgeconv.ops.shape import Dims
from edgeconv.ops.where import Where

__all__ = ["crop_and_resize"]


def crop_and_resize(
    x: Ref, axes: Sequence[int], roi: Ref, sizes: Sequence[Dim], mode: str, outside_value: float
) -> Expr:
    """x between roi's begins and ends (one for each of `axes`, 0 to 1 is all of it), resampled to `sizes`.

    mode: nearest (the element below a half) or linear. Points outside x are `outside_value`. Where only data tells the
    roi, batch and channels that keep their size are whole, as they are to ONNX Runtime.
    """
    if mode not in ("nearest", "linear") or x.type.dtype != "float32" or roi.type.shape != (2 * len(axes),):
        raise Unsupported(
            f"it crops {x.type} to {roi.type} and resizes by {mode!r}; edgeconv does so to float32, nearest or linear"
        )
    y: Expr = x
    outside: list[Expr] = []
    for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        start, end = _bound(roi, place), _bound(roi, place + len(axes))
        bounds = [float(bound) for bound in (start, end) if isinstance(bound, np.ndarray)]
        if size == x.type.shape[axis] and (bounds == [0, 1] or (axis < 2 and not bounds)):
            continue
        if not isinstance(size, int):
            raise Unsupported(f"it crops {x.type} to a size that is not known; fix it with --input-shape")
        last = _last(x, axis, expr_type(start).dtype)
        at = _places(start, end, last, size)
        shape = tuple(size if each == axis else 1 for each in range(x.type.rank))
        if not bounds or min(bounds) < 0 or max(bounds) > 1:
            is_outside = Or()(Less()(at, np.zeros((), expr_type(at).dtype)), Greater()(at, last))
            outside.append(reshape_to(is_outside, (size,), shape))
        at = Min()(Max()(at, np.zeros((), expr_type(at).dtype)), last)
        y = _resampled(y, axis, at, shape, mode)
    for mask in outside:
        y = Where()(mask, np.array(outside_value, np.float32), y)
    return y


def _bound(roi: Ref, place: int) -> Expr:
    """One number of the roi: a float64 constant, or what is computed in its own dtype."""
    if is_plain(roi) and roi.value is not None:
        return np.asarray(roi.value[place], np.float64)
    return Gather(0)(roi, np.array([place], np.int64))


def _last(x: Ref, axis: int, dtype: str) -> Expr:
    """The position of the last element."""
    size = x.type.shape[axis]
    return np.asarray(size - 1, dtype) if isinstance(size, int) else Cast(dtype)(Dims((1,), (axis,), (-1,), ())(x))


def _places(start: Expr, end: Expr, last: Expr, size: int) -> Expr:
    """`size` places from start to end, as elements; the operations in the order in which ONNX Runtime has them."""
    dtype = expr_type(start).dtype
    if size == 1:
        return Mul()(Mul()(np.full(1, 0.5, dtype), Add()(start, end)), last)
    share = Mul()(np.arange(size).astype(dtype), Sub()(end, start))
    return Add()(Mul()(start, last), Div()(Mul()(share, last), np.asarray(size - 1, dtype)))


def _resampled(x: Expr, axis: int, at: Expr, shape: tuple[int, ...], mode: str) -> Expr:
    if mode == "nearest":
        return Gather(axis)(x, Cast("int64")(Ceil()(Sub()(at, np.asarray(0.5, expr_type(at).dtype)))))
    below = Floor()(at)
    weight = Cast("float32")(reshape_to(Sub()(at, below), (shape[axis],), shape))
    parts = (Gather(axis)(x, Cast("int64")(places)) for places in (below, Ceil()(at)))
    return Add()(Mul()(next(parts), Sub()(np.ones((), np.float32), weight)), Mul()(next(parts), weight))
