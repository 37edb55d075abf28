"""Import rules of the QLinear operators, of ONNX and of ONNX Runtime's quantizer: real values in between.

Each is DequantizeLinear of its inputs, the float operator, and QuantizeLinear of the result; conversion to int8 finds
its int8 form again, with these parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeconv.core import QParams
from edgeconv.ops.activations import LeakyRelu
from edgeconv.ops.add import Add
from edgeconv.ops.average_pool import import_average_pool
from edgeconv.ops.axes import normal_axes, normal_axis
from edgeconv.ops.base import Call, Expr, OnGrid, Ref, ShapeError, Typed
from edgeconv.ops.cast import Cast
from edgeconv.ops.concat import Concat
from edgeconv.ops.conv import import_conv
from edgeconv.ops.gemm import scaled, swapped
from edgeconv.ops.integer import multiplier
from edgeconv.ops.matmul import product
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.qdq import dequantized, quantized
from edgeconv.ops.reduce import ReduceMean
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.sigmoid import Sigmoid
from edgeconv.ops.softmax import Softmax, import_flattened
from edgeconv.ops.transpose import Transpose
from edgeconv.ops.where import Where

__all__: list[str] = []

_MICROSOFT = "com.microsoft"


def _integers(y: Expr, scale: Ref, zero_point: Ref | None, like: Ref) -> Expr:
    """y as integers of the zero point's dtype, or of that of `like`."""
    return quantized(y, scale, zero_point, (like if zero_point is None else zero_point).type.dtype)


@onnx_rule("QLinearConv", since=10)
def import_qlinear_conv(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref,
    w: Ref,
    w_scale: Ref,
    w_zero_point: Ref,
    y_scale: Ref,
    y_zero_point: Ref,
    bias: Ref | None = None,
    **attributes: Any,
) -> Expr:
    """A convolution; weights have one scale, or one for each output; the int32 bias is at x_scale * w_scale."""
    y = import_conv(
        dequantized(x, x_scale, x_zero_point),
        _weight(w, w_scale, w_zero_point, 0, x_scale, y_scale),
        None if bias is None else _real_bias(bias, x_scale, w_scale),
        **attributes,
    )
    return _integers(y, y_scale, y_zero_point, x)


@onnx_rule("QLinearConv", domain=_MICROSOFT)
def import_nhwc_qlinear_conv(*inputs: Ref, channels_last: int = 0, **attributes: Any) -> Expr:
    """ONNX Runtime's QLinearConv, whose data may have the channels last."""
    if not channels_last:
        return import_qlinear_conv(*inputs, **attributes)
    x, (x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, *bias) = inputs[0], inputs[1:]
    rank = x.type.rank
    y = import_conv(
        Transpose((0, rank - 1, *range(1, rank - 1)))(dequantized(x, x_scale, x_zero_point)),
        _weight(w, w_scale, w_zero_point, 0, x_scale, y_scale),
        _real_bias(bias[0], x_scale, w_scale) if bias else None,
        **attributes,
    )
    return _integers(Transpose((0, *range(2, rank), 1))(y), y_scale, y_zero_point, x)


def _weight(w: Ref, scale: Ref, zero_point: Ref, axis: int, x_scale: Ref, y_scale: Ref) -> Typed:
    """The real values of a weight, on a grid that leads to ONNX's multiplier, float32(float32(s_x * s_w) / s_y).

    Conversion divides in float64 instead (`integer.multiplier`): of the scales next to s_w, one gives the same.
    """
    real, values = dequantized(w, scale, zero_point, axis), [each.value for each in (scale, x_scale, y_scale)]
    if not isinstance(real, OnGrid) or any(value is None or value.dtype != np.float32 for value in values):
        return real
    s_w, s_x, s_y = (np.asarray(value).reshape(-1) for value in values)
    if s_x.size != 1 or s_y.size != 1 or not (s_w > 0).all():
        return real
    wanted, found = s_x * s_w / s_y, s_w.copy()
    for near in (np.nextafter(s_w, np.float32(0)), np.nextafter(s_w, np.float32(np.inf)), s_w):
        fits = multiplier(near.astype(np.float64) * np.float64(s_x[0]), float(s_y[0])) == wanted
        found[fits] = near[fits]
    return OnGrid(real.value, QParams(tuple(found.tolist()), real.grid.zero_point, real.grid.axis))


def _real_bias(bias: Ref, *scales: Ref) -> Expr:
    """An int32 bias at the product of `scales`, as real values."""
    real: Expr = Cast("float32")(bias)
    for scale in scales:
        flat = Reshape(() if scale.type.shape in ((), (1,)) else (-1,))
        real = Mul()(real, scale if scale.type.rank == 0 else flat(scale))
    return real


@onnx_rule("QLinearMatMul", since=10)
def import_qlinear_matmul(
    a: Ref,
    a_scale: Ref,
    a_zero_point: Ref,
    b: Ref,
    b_scale: Ref,
    b_zero_point: Ref,
    y_scale: Ref,
    y_zero_point: Ref,
) -> Expr:
    """A product of matrices; scales are scalars, or one for each row of a and each column of b."""
    left = dequantized(a, a_scale, a_zero_point, axis=-2)
    right = _weight(b, b_scale, b_zero_point, -1, a_scale, y_scale)
    return _integers(product(left, right), y_scale, y_zero_point, a)


@onnx_rule("QGemm", domain=_MICROSOFT)
def import_qgemm(
    a: Ref,
    a_scale: Ref,
    a_zero_point: Ref,
    b: Ref,
    b_scale: Ref,
    b_zero_point: Ref,
    c: Ref | None = None,
    y_scale: Ref | None = None,
    y_zero_point: Ref | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,  # noqa: N803 (ONNX Runtime's name)
    transB: int = 0,  # noqa: N803 (ONNX Runtime's name)
) -> Expr:
    """alpha * (a b + c), c int32 at a_scale * b_scale; real values where there is no y_scale."""
    if a.type.rank != 2 or b.type.rank != 2:
        raise ShapeError(f"needs two matrices, found {a.type} and {b.type}")
    left = swapped(dequantized(a, a_scale, a_zero_point), transA)
    right = swapped(dequantized(b, b_scale, b_zero_point, axis=0 if transB else 1), transB)
    y: Expr = product(left, right)
    y = scaled(y if c is None else Add()(y, _real_bias(c, a_scale, b_scale)), alpha)
    return y if y_scale is None else _integers(y, y_scale, y_zero_point, a)


def _register_binary(name: str, op: type[Add] | type[Mul]) -> None:
    @onnx_rule(name, domain=_MICROSOFT)
    def rule(
        a: Ref,
        a_scale: Ref,
        a_zero_point: Ref | None,
        b: Ref,
        b_scale: Ref,
        b_zero_point: Ref | None,
        y_scale: Ref,
        y_zero_point: Ref | None = None,
    ) -> Expr:
        y = op()(dequantized(a, a_scale, a_zero_point), dequantized(b, b_scale, b_zero_point))
        return _integers(y, y_scale, y_zero_point, a)


_register_binary("QLinearAdd", Add)
_register_binary("QLinearMul", Mul)


def _unary(
    function: Callable[[Typed], Expr], x: Ref, x_scale: Ref, x_zero: Ref | None, y_scale: Ref, y_zero: Ref | None
) -> Expr:
    """A function of one quantized input."""
    return _integers(function(dequantized(x, x_scale, x_zero)), y_scale, y_zero, x)


@onnx_rule("QLinearSigmoid", domain=_MICROSOFT)
def import_qlinear_sigmoid(
    x: Ref, x_scale: Ref, x_zero_point: Ref | None, y_scale: Ref, y_zero_point: Ref | None = None
) -> Expr:
    """1 / (1 + exp(-x))."""
    return _unary(Sigmoid(), x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearLeakyRelu", domain=_MICROSOFT)
def import_qlinear_leaky_relu(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref | None,
    y_scale: Ref,
    y_zero_point: Ref | None = None,
    *,
    alpha: float = 0.01,
) -> Expr:
    """x where positive, alpha * x elsewhere."""
    return _unary(LeakyRelu(alpha), x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearSoftmax", domain=_MICROSOFT)
def import_qlinear_softmax(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref | None,
    y_scale: Ref,
    y_zero_point: Ref | None = None,
    *,
    axis: int = -1,
    opset: int,
) -> Expr:
    """Softmax as the ONNX opset named has it: along an axis, or before 13 over all from an axis on."""

    def function(real: Typed) -> Expr:
        return import_flattened(Softmax, real, axis) if opset < 13 else Softmax(normal_axis(axis, x.type.rank))(real)

    return _unary(function, x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearConcat", domain=_MICROSOFT)
def import_qlinear_concat(y_scale: Ref, y_zero_point: Ref, *inputs: Ref, axis: int) -> Expr:
    """Any number of tensors, each with its scale and zero point."""
    if not inputs or len(inputs) % 3:
        raise ShapeError(f"needs a scale and a zero point for each input, found {len(inputs)} tensors in all")
    parts = [dequantized(*parameters) for parameters in zip(inputs[::3], inputs[1::3], inputs[2::3], strict=True)]
    joined = Concat(normal_axis(axis, inputs[0].type.rank))(*parts) if len(parts) > 1 else parts[0]
    return _integers(joined, y_scale, y_zero_point, inputs[0])


@onnx_rule("QLinearAveragePool", domain=_MICROSOFT)
def import_qlinear_average_pool(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref | None,
    y_scale: Ref,
    y_zero_point: Ref | None = None,
    *,
    channels_last: int = 0,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    kernel_shape: Sequence[int],
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """The mean of every window."""

    def function(real: Typed) -> Expr:
        return import_average_pool(
            real,
            auto_pad=auto_pad,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
            kernel_shape=kernel_shape,
            pads=pads,
            strides=strides,
        )

    return _unary(_channels_first(function, channels_last), x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearGlobalAveragePool", domain=_MICROSOFT)
def import_qlinear_global_average_pool(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref | None,
    y_scale: Ref,
    y_zero_point: Ref | None = None,
    *,
    channels_last: int = 0,
) -> Expr:
    """The mean over all spatial axes."""
    first = 1 if channels_last else 2
    mean = ReduceMean(tuple(range(first, first + x.type.rank - 2)))
    return _unary(mean, x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearReduceMean", domain=_MICROSOFT)
def import_qlinear_reduce_mean(
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref | None,
    y_scale: Ref,
    y_zero_point: Ref | None = None,
    *,
    axes: Sequence[int] = (),
    keepdims: int = 1,
) -> Expr:
    """The mean over some axes (none given: all)."""
    rank = x.type.rank
    mean = ReduceMean(normal_axes(axes, rank) if axes else tuple(range(rank)), bool(keepdims))
    return _unary(mean, x, x_scale, x_zero_point, y_scale, y_zero_point)


@onnx_rule("QLinearWhere", domain=_MICROSOFT)
def import_qlinear_where(
    condition: Ref,
    x: Ref,
    x_scale: Ref,
    x_zero_point: Ref,
    y: Ref,
    y_scale: Ref,
    y_zero_point: Ref,
    z_scale: Ref,
    z_zero_point: Ref,
) -> Expr:
    """x where the condition holds, else y."""
    chosen = Where()(condition, dequantized(x, x_scale, x_zero_point), dequantized(y, y_scale, y_zero_point))
    return _integers(chosen, z_scale, z_zero_point, x)


def _channels_first(function: Callable[[Typed], Expr], channels_last: int) -> Callable[[Typed], Expr]:
    """`function` for data that may have the channels last."""

    def moved(x: Typed) -> Call:
        rank = x.type.rank
        return Transpose((0, *range(2, rank), 1))(function(Transpose((0, rank - 1, *range(1, rank - 1)))(x)))

    return moved if channels_last else function
