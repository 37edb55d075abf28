"""Import rules of what ONNX tried out before opset 7 and took back; ONNX Runtime still runs them.

Converters from CoreML and CNTK wrote them. Attributes without a default have none in ONNX Runtime either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.activations import Softplus
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, Ref, ShapeError
from edgeconv.ops.elementwise import Tanh
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.slice import EVERYTHING, Slice, import_slice

__all__: list[str] = []


def _scalar(x: Ref, value: float) -> Array:
    return np.array(value, x.type.dtype)


@onnx_rule("Affine")
def import_affine(x: Ref, *, alpha: float = 1.0, beta: float = 0.0) -> Expr:
    """alpha * x + beta."""
    return Add()(Mul()(x, _scalar(x, alpha)), _scalar(x, beta))


@onnx_rule("Scale")
def import_scale(x: Ref, *, scale: float = 1.0) -> Expr:
    """scale * x."""
    return Mul()(x, _scalar(x, scale))


@onnx_rule("ImageScaler")
def import_image_scaler(x: Ref, *, bias: Sequence[float], scale: float = 1.0) -> Expr:
    """scale * x, plus a bias for each channel of x (N, C, H, W)."""
    if x.type.rank != 4 or x.type.shape[1] != len(bias):
        raise ShapeError(f"its {len(bias)} biases do not fit the channels of {x.type}")
    return Add()(Mul()(x, _scalar(x, scale)), np.array(bias, x.type.dtype).reshape(-1, 1, 1))


@onnx_rule("ScaledTanh")
def import_scaled_tanh(x: Ref, *, alpha: float, beta: float) -> Expr:
    """alpha * tanh(beta * x)."""
    return Mul()(Tanh()(Mul()(x, _scalar(x, beta))), _scalar(x, alpha))


@onnx_rule("ParametricSoftplus")
def import_parametric_softplus(x: Ref, *, alpha: float, beta: float) -> Expr:
    """alpha * log(1 + exp(beta * x))."""
    return Mul()(Softplus()(Mul()(x, _scalar(x, beta))), _scalar(x, alpha))


@onnx_rule("Crop")
def import_crop(x: Ref, *, border: Sequence[int], scale: Sequence[int] = ()) -> Expr:
    """x (N, C, H, W) without `border` (left, top, right, bottom), or `scale` (H, W) of it from left and top on."""
    if x.type.rank != 4 or len(border) != 4 or len(scale) not in (0, 2):
        raise ShapeError(f"needs four borders of maps, found {list(border)} and {list(scale)} for {x.type}")
    left, top, right, bottom = border
    ends = (top + scale[0], left + scale[1]) if scale else (-bottom or EVERYTHING, -right or EVERYTHING)
    return Slice((top, left), ends, (2, 3), (1, 1))(x)


@onnx_rule("DynamicSlice")
def import_dynamic_slice(x: Ref, starts: Ref, ends: Ref, axes: Ref | None = None, *, label: str = "") -> Expr:
    """What Slice is from opset 10 on."""
    return import_slice(x, starts, ends, axes, label=label)
