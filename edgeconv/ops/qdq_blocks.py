"""Import rules of QuantizeLinear and DequantizeLinear with narrow types, or with a scale for each block of elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.ops.add import Add, Sub
from edgeconv.ops.axes import normal_axis
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.cast import Cast, cast_to, narrow_format, onnx_dtype
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Round
from edgeconv.ops.gather import Gather
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.narrow import FLOATS, INTEGERS
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.qdq import along, import_dequantize_linear, import_quantize_linear

__all__: list[str] = []

_UINT8 = 2


@onnx_rule("QuantizeLinear", since=19)
def import_quantize_linear_to(
    x: Ref,
    scale: Ref,
    zero_point: Ref | None = None,
    *,
    axis: int = 1,
    saturate: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    elements: Sequence[int],
) -> Expr:
    """saturate(round(x / scale) + zero_point), in float where the type is narrow or a scale is for a block."""
    target = output_dtype or (_UINT8 if zero_point is None else elements[2])
    narrow = narrow_format(target)
    if not narrow and not block_size:
        return import_quantize_linear(x, scale, zero_point, axis=axis, output_dtype=output_dtype)
    steps = Div()(x, _along(scale, x, axis, block_size))
    if narrow in FLOATS:
        return cast_to(steps, target, bool(saturate))
    rounded: Expr = Round()(steps)
    if zero_point is not None:
        rounded = Add()(rounded, Cast("float32")(_along(zero_point, x, axis, block_size)))
    dtype = onnx_dtype(target)
    low, high = INTEGERS[narrow][1:] if narrow else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return Cast(dtype)(Clamp(float(low), float(high))(rounded))


@onnx_rule("DequantizeLinear", since=19)
def import_dequantize_linear_from(
    x: Ref,
    scale: Ref,
    zero_point: Ref | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Expr:
    """(x - zero_point) * scale; narrow floats have no zero point, or one of 0."""
    is_float = x.type.is_float
    if not is_float and not block_size:
        return import_dequantize_linear(x, scale, zero_point, axis=axis, output_dtype=output_dtype)
    real = x if is_float else Cast("float32")(x)
    if zero_point is not None and not is_float:
        real = Sub()(real, Cast("float32")(_along(zero_point, x, axis, block_size)))
    return Mul()(real, _along(scale, x, axis, block_size))


def _along(parameter: Ref, x: Ref, axis: int, block: int) -> Expr:
    """A scale or zero point, shaped to broadcast against x: one number, one along `axis`, or one for each block."""
    if not block or parameter.type.shape in ((), (1,)):
        return along(parameter, x.type.rank, axis)
    place = normal_axis(axis, x.type.rank)
    dim = x.type.shape[place]
    if not isinstance(dim, int):
        raise Unsupported(f"it has blocks along a dimension of {x.type} that is not known; fix it with --input-shape")
    return Gather(place)(parameter, np.arange(dim, dtype=np.int64) // block)
