"""ONNX's `auto_pad`: pads so that a window with strides gives ceil(dimension / stride) elements."""

from __future__ import annotations

from edgeconv.core import Dim
from edgeconv.ops.base import ShapeError, Typed
from edgeconv.ops.expand import Fill
from edgeconv.ops.pad import PadBy
from edgeconv.ops.shape import Dims
from edgeconv.ops.shape_formula import ADD, CONSTANT, DIMENSION, DIVIDE, MULTIPLY, ShapeFormula
from edgeconv.ops.windows import Window

__all__ = ["padded", "plane_of_ones", "resolve_auto_pad"]

_Code = tuple[int, ...]
_NEGATIVE = (CONSTANT, -1, 0, MULTIPLY, 0, 0)


def resolve_auto_pad(auto_pad: str, window: Window, x: Typed) -> tuple[int, ...]:
    """Explicit pads; ShapeError where they depend on an open dimension (its remainder by the stride)."""
    rank = len(window.kernel)
    if auto_pad == "NOTSET":
        return window.pads
    if auto_pad == "VALID":
        return (0,) * (2 * rank)
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ShapeError(f"auto_pad {auto_pad!r} is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    halves = []
    for axis, dim in enumerate(x.type.shape[2:]):
        total = _total(window, axis, dim)
        if not isinstance(total, int):
            raise ShapeError(f"auto_pad {auto_pad} needs a fixed spatial shape, found {dim}; pass --input-shape")
        halves.append((total // 2, total - total // 2))
    small, large = zip(*halves, strict=True)
    return (*small, *large) if auto_pad == "SAME_UPPER" else (*large, *small)


def padded(auto_pad: str, window: Window, x: Typed, mode: str = "constant") -> tuple[Typed, tuple[int, ...]]:
    """x and its explicit pads. Where they depend on open dimensions: x with a border, of pads that are computed."""
    spatial = x.type.shape[2:]
    is_open = auto_pad.startswith("SAME") and any(
        not isinstance(_total(window, axis, dim), int) and window.strides[axis] <= _span(window, axis)
        for axis, dim in enumerate(spatial)
    )
    if not is_open:
        return x, resolve_auto_pad(auto_pad, window, x)
    halves = [_halves(window, axis) for axis in range(len(spatial))]
    small, large = (sum(codes, ()) for codes in zip(*halves, strict=True))
    code = small + large if auto_pad == "SAME_UPPER" else large + small
    axes = tuple(range(2, x.type.rank))
    sizes = ShapeFormula(code, (2 * len(spatial),))(x)
    return PadBy(axes, mode)(x, sizes), (0,) * (2 * len(spatial))


def plane_of_ones(x: Typed) -> Typed:
    """One sample of one channel, as high and wide as x, full of ones."""
    rank, open_axes = x.type.rank, (1,) * (x.type.rank - 2)
    sizes = Dims((0, 0, *open_axes), tuple(range(rank)), (1, 1, *(0 for _ in open_axes)), (rank,))(x)
    return Fill(1.0, x.type.dtype)(sizes)


def _span(window: Window, axis: int) -> int:
    return window.dilations[axis] * (window.kernel[axis] - 1) + 1


def _total(window: Window, axis: int, dim: Dim) -> Dim:
    stride, span = window.strides[axis], _span(window, axis)
    total = (-(-dim // stride) - 1) * stride + span - dim
    return 0 if span == 1 else max(total, 0) if isinstance(total, int) else total


def _halves(window: Window, axis: int) -> tuple[_Code, _Code]:
    """Instructions for both pads of an axis, the smaller one first."""
    stride, span = window.strides[axis], _span(window, axis)
    size = (DIMENSION, 0, axis + 2)
    steps = (*size, CONSTANT, stride - 1, 0, ADD, 0, 0, CONSTANT, stride, 0, DIVIDE, 0, 0)
    covered = (*steps, CONSTANT, stride, 0, MULTIPLY, 0, 0, CONSTANT, span - stride, 0, ADD, 0, 0)
    total = (*covered, *size, *_NEGATIVE, ADD, 0, 0)
    small = (*total, CONSTANT, 2, 0, DIVIDE, 0, 0)
    return small, (*total, *small, *_NEGATIVE, ADD, 0, 0)
