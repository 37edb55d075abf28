"""Import rules of QuantizeLinear and DequantizeLinear: what they compute, in float arithmetic of other operators."""

from __future__ import annotations

import numpy as np

from edgeconv.ops.add import Add, Sub
from edgeconv.ops.axes import normal_axis
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.cast import Cast, onnx_dtype
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Round
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import Reshape

__all__: list[str] = []


@onnx_rule("QuantizeLinear", since=10)
def import_quantize_linear(
    x: Ref,
    scale: Ref,
    zero_point: Ref | None = None,
    *,
    axis: int = 1,
    saturate: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
) -> Expr:
    """What it computes, in float: saturate(round(x / scale) + zero_point)."""
    dtype = "uint8" if not output_dtype else onnx_dtype(output_dtype)
    dtype = dtype if zero_point is None else zero_point.type.dtype
    if block_size or dtype not in ("int8", "uint8", "int16", "uint16"):
        raise Unsupported(f"it quantizes to {dtype} in blocks of {block_size}; export the model in float")
    rounded: Expr = Round()(Div()(x, _along(scale, x, axis)))
    if zero_point is not None:
        rounded = Add()(rounded, Cast("float32")(_along(zero_point, x, axis)))
    limits = np.iinfo(dtype)
    return Cast(dtype)(Clamp(float(limits.min), float(limits.max))(rounded))


@onnx_rule("DequantizeLinear", since=10)
def import_dequantize_linear(
    x: Ref,
    scale: Ref,
    zero_point: Ref | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Expr:
    """What it computes, in float: (x - zero_point) * scale; at once for a constant."""
    if block_size:
        raise Unsupported(f"it is quantized in blocks of {block_size}; export the model in float")
    factor, offset = _along(scale, x, axis), None if zero_point is None else _along(zero_point, x, axis)
    if x.value is not None and isinstance(factor, np.ndarray) and (offset is None or isinstance(offset, np.ndarray)):
        exact = x.value.astype(np.float64) - (0 if offset is None else offset)
        return np.asarray(exact.astype(np.float32) * factor, np.float32)
    real: Expr = Cast("float32")(x)
    return Mul()(real if offset is None else Sub()(real, Cast("float32")(offset)), factor)


def _along(parameter: Ref, x: Ref, axis: int) -> Expr:
    """A scale or zero point, shaped to broadcast along `axis` of x."""
    if parameter.type.rank == 0 or parameter.type.shape == (1,):
        return parameter if parameter.value is None else parameter.value.reshape(())
    shape = [1] * x.type.rank
    shape[normal_axis(axis, x.type.rank)] = -1
    return Reshape(tuple(shape))(parameter) if parameter.value is None else parameter.value.reshape(shape)
