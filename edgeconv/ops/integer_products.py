"""Import rules of MatMulInteger, ConvInteger and ONNX Runtime's products with inputs quantized at run time.

Sums of integers are computed in float32 where it is proved that they stay exact, else in float64; constant weights stay
integers in the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.core import QParams
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Expr, OnGrid, Ref, Typed, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.compare import Equal
from edgeconv.ops.conv import import_conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.elementwise import Round
from edgeconv.ops.integer import EXACT_FLOAT32
from edgeconv.ops.matmul import MatMul, product
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.qdq import QuantizeLinear, along, dequantized
from edgeconv.ops.reduce import ReduceMax, ReduceMin
from edgeconv.ops.where import Where

__all__: list[str] = []

_MICROSOFT = "com.microsoft"
_LARGEST = 255
"""The largest magnitude of an integer of 8 bits minus its zero point."""
_WHOLE = QParams.per_tensor(1.0, 0)


def _centred(x: Ref, zero_point: Ref | None, axis: int) -> Typed:
    """x - zero_point in float32; a constant stays on the grid of whole numbers."""
    zero = None if zero_point is None else along(zero_point, x.type.rank, axis)
    if x.value is not None and (zero is None or isinstance(zero, np.ndarray)):
        return OnGrid(x.value.astype(np.float32) - (0 if zero is None else zero.astype(np.float32)), _WHOLE)
    real = Cast("float32")(x)
    return real if zero is None else Sub()(real, Cast("float32")(zero))


def _sums(a: Typed, b: Typed) -> Expr:
    """The product of whole numbers, exactly, as int32."""
    weight = b.value if isinstance(b, OnGrid) else None
    if weight is not None and weight.ndim == 2 and a.type.rank > 1:
        is_exact = np.abs(weight).sum(axis=0).max(initial=0) * _LARGEST < EXACT_FLOAT32
        return Cast("int32")(Dense()(a if is_exact else Cast("float64")(a), b))
    return Cast("int32")(MatMul()(Cast("float64")(a), Cast("float64")(b)))


@onnx_rule("MatMulInteger", since=10)
def import_matmul_integer(a: Ref, b: Ref, a_zero_point: Ref | None = None, b_zero_point: Ref | None = None) -> Expr:
    """The product of matrices of 8-bit integers less their zero points, as int32."""
    return _sums(_centred(a, a_zero_point, -2), _centred(b, b_zero_point, -1))


@onnx_rule("ConvInteger", since=10)
def import_conv_integer(
    x: Ref,
    w: Ref,
    x_zero_point: Ref | None = None,
    w_zero_point: Ref | None = None,
    **attributes: Any,
) -> Expr:
    """A convolution of 8-bit integers less their zero points, as int32; sums above 2**24 are rounded to float32."""
    y = import_conv(
        _centred(x, x_zero_point, 1),
        _centred(w, w_zero_point, 0),
        **attributes,
    )
    return Cast("int32")(y)


@onnx_rule("MatMulIntegerToFloat", domain=_MICROSOFT)
def import_matmul_integer_to_float(
    a: Ref,
    b: Ref,
    a_scale: Ref,
    b_scale: Ref,
    a_zero_point: Ref | None = None,
    b_zero_point: Ref | None = None,
    bias: Ref | None = None,
) -> Expr:
    """The product of the real values behind two matrices of 8-bit integers, plus a bias."""
    y = product(dequantized(a, a_scale, a_zero_point, axis=-2), dequantized(b, b_scale, b_zero_point, axis=-1))
    return y if bias is None else Add()(y, bias)


@onnx_rule("DynamicQuantizeMatMul", domain=_MICROSOFT)
def import_dynamic_quantize_matmul(
    a: Ref, b: Ref, b_scale: Ref, b_zero_point: Ref | None = None, bias: Ref | None = None
) -> Expr:
    """a, quantized to uint8 over its own range, times the real values behind b, plus a bias."""
    integers, scale, zero_point = dynamically_quantized(a)
    sums = _sums(Sub()(Cast("float32")(integers), Cast("float32")(zero_point)), _centred(b, b_zero_point, -1))
    factor = Mul()(scale, along(b_scale, b.type.rank, -1))
    y = Mul()(Cast("float32")(sums), factor)
    return y if bias is None else Add()(y, bias)


@onnx_rule("DynamicQuantizeLinear", since=11)
def import_dynamic_quantize_linear(x: Ref) -> tuple[Expr, ...]:
    """uint8 over the range of x, which includes 0; and the scale and zero point of that."""
    return dynamically_quantized(x)


def dynamically_quantized(x: Expr) -> tuple[Expr, Expr, Expr]:
    """(uint8 values, scale, zero point) of x over its own range."""
    axes = tuple(range(expr_type(x).rank))
    low = Clamp(high=0.0)(ReduceMin(axes, False)(x))
    span = Sub()(Clamp(low=0.0)(ReduceMax(axes, False)(x)), low)
    nothing = Equal()(span, np.zeros((), np.float32))
    scale = Div()(Where()(nothing, np.ones((), np.float32), span), np.array(_LARGEST, np.float32))
    zero_point = Cast("uint8")(Round()(Clamp(0.0, _LARGEST)(Sub()(np.zeros((), np.float32), Div()(low, scale)))))
    return QuantizeLinear("uint8")(x, scale, zero_point), scale, zero_point
