"""Resize that crops first (tf_crop_and_resize), from operators that are there already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.gather import Gather
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.where import Where

__all__ = ["crop_and_resize"]


def crop_and_resize(
    x: Ref, axes: Sequence[int], roi: Sequence[float], sizes: Sequence[int], mode: str, outside_value: float
) -> Expr:
    """x between roi's begins and ends (one for each of `axes`, 0 to 1 is all of it), resampled to `sizes`.

    mode: nearest (the element below a half) or linear. Points outside x are `outside_value`.
    """
    if mode not in ("nearest", "linear") or x.type.dtype != "float32":
        raise Unsupported(f"it crops {x.type} and resizes by {mode!r}; edgeconv does so to float32, nearest or linear")
    y: Expr = x
    is_outside: Array = np.zeros((1,) * x.type.rank, bool)
    for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        before, start, end = x.type.shape[axis], roi[place], roi[place + len(axes)]
        if start == 0 and end == 1 and size == before:
            continue
        if not isinstance(before, int):
            raise Unsupported(f"it crops a dimension of {x.type} that is not known; fix it with --input-shape")
        share = np.linspace(start, end, size) if size > 1 else np.array([(start + end) / 2])
        at = share * (before - 1)
        shape = [-1 if each == axis else 1 for each in range(x.type.rank)]
        is_outside = is_outside | ((at < 0) | (at > before - 1)).reshape(shape)
        y = _resampled(y, axis, np.clip(at, 0, before - 1), shape, mode)
    return Where()(is_outside, np.array(outside_value, np.float32), y) if is_outside.any() else y


def _resampled(x: Expr, axis: int, at: Array, shape: Sequence[int], mode: str) -> Expr:
    if mode == "nearest":
        return Gather(axis)(x, np.ceil(at - 0.5).astype(np.int64))
    below = np.floor(at).astype(np.int64)
    weight = (at - below).astype(np.float32).reshape(shape)
    above = np.minimum(below + 1, np.ceil(at).astype(np.int64))
    return Add()(Mul()(Gather(axis)(x, below), 1 - weight), Mul()(Gather(axis)(x, above), weight))
