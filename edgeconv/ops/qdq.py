"""QuantizeLinear and DequantizeLinear: ONNX's borders between real values and integers, computed in float.

integer = saturate(rint(x / scale) + zero_point), ties to even; real = (x - zero_point) * scale. Scale and zero point
are inputs that broadcast against x. Conversion to int8 takes their place where they are constant (`quantize/adopt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.axes import normal_axis
from edgeconv.ops.base import Expr, Inputs, OnGrid, Operand, Operator, Ref, Scratch, ShapeError, Typed, expr_type
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.cast import onnx_dtype
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import Reshape
from edgeconv.records import dataclass

__all__ = ["DequantizeLinear", "QuantizeLinear", "along", "dequantized", "quantized"]

_TARGETS = ("int8", "uint8", "int16", "uint16")
_SOURCES = (*_TARGETS, "int32")


@dataclass(frozen=True)
class QuantizeLinear(Operator):
    """float32 -> integers of `dtype`: saturate(rint(x / scale) + zero_point)."""

    dtype: str

    elementwise: ClassVar[bool] = True
    kinds: ClassVar[str] = "f"

    def infer(self, x: TensorType, scale: TensorType, zero_point: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in _TARGETS:
            raise ShapeError(f"it quantizes to {self.dtype!r}, not to one of {', '.join(_TARGETS)}")
        if x.dtype != "float32" or scale.dtype != "float32" or zero_point.dtype != self.dtype:
            raise ShapeError(f"{x}, scale {scale} and zero point {zero_point} do not go together")
        _check_broadcast(x, scale, zero_point)
        return (TensorType(self.dtype, x.shape),)

    def run(self, x: Array, scale: Array, zero_point: Array) -> Array:
        limits = np.iinfo(self.dtype)
        with np.errstate(all="ignore"):
            steps = np.rint(x / scale) + zero_point.astype(np.float32)
            return np.asarray(np.clip(steps, limits.min, limits.max).astype(self.dtype))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, scale, y = inputs[0].array, inputs[1].array, outputs[0].array
        zero_point, limits, work = inputs[2].array, np.iinfo(self.dtype), scratch(inputs[0].array.shape)
        low, high = np.float32(limits.min), np.float32(limits.max)

        def kernel() -> None:
            with np.errstate(all="ignore"):
                np.divide(x, scale, out=work)
                np.rint(work, out=work)
                np.add(work, zero_point, out=work, casting="same_kind")
                np.clip(work, low, high, out=work)
                np.copyto(y, work, casting="unsafe")

        return kernel


@dataclass(frozen=True)
class DequantizeLinear(Operator):
    """Integers -> float32: (x - zero_point) * scale."""

    elementwise: ClassVar[bool] = True

    def infer(self, x: TensorType, scale: TensorType, zero_point: TensorType) -> tuple[TensorType, ...]:
        if x.dtype not in _SOURCES or x.dtype != zero_point.dtype or scale.dtype != "float32":
            raise ShapeError(f"{x}, scale {scale} and zero point {zero_point} do not go together")
        _check_broadcast(x, scale, zero_point)
        return (TensorType("float32", x.shape),)

    def run(self, x: Array, scale: Array, zero_point: Array) -> Array:
        return np.asarray((x.astype(np.float32) - zero_point.astype(np.float32)) * scale)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, scale, zero_point, y = inputs[0].array, inputs[1].array, inputs[2].array, outputs[0].array
        offset = scratch(zero_point.shape)

        def kernel() -> None:
            np.copyto(offset, zero_point)
            np.copyto(y, x)
            np.subtract(y, offset, out=y)
            np.multiply(y, scale, out=y)

        return kernel


def _check_broadcast(x: TensorType, *parameters: TensorType) -> None:
    """ShapeError unless the parameters broadcast to the shape of x."""
    for parameter in parameters:
        if parameter.rank > x.rank or broadcast_shapes(x.shape, parameter.shape) != x.shape:
            raise ShapeError(f"a scale or zero point {parameter} does not fit {x}")


def quantized(x: Expr, scale: Ref, zero_point: Ref | None, dtype: str, axis: int = 1) -> Expr:
    """x as integers; scale and zero point (absent: 0) are scalars, vectors along `axis`, or broadcast."""
    rank = expr_type(x).rank
    zero = np.zeros((), dtype) if zero_point is None else along(zero_point, rank, axis)
    return QuantizeLinear(dtype)(x, along(scale, rank, axis), zero)


def dequantized(x: Ref, scale: Ref, zero_point: Ref | None = None, axis: int = 1) -> Typed:
    """Real values of integers, at once for a constant; scale and zero point as for `quantized`."""
    rank = x.type.rank
    zero = np.zeros((), x.type.dtype) if zero_point is None else along(zero_point, rank, axis)
    factor = along(scale, rank, axis)
    if x.value is None or not isinstance(factor, np.ndarray) or not isinstance(zero, np.ndarray):
        return DequantizeLinear()(x, factor, zero)
    real = np.asarray((x.value.astype(np.float32) - zero.astype(np.float32)) * factor, np.float32)
    scales = tuple(factor.reshape(-1).tolist())
    place = None if factor.size == 1 else int(np.argmax(np.array((1,) * (rank - factor.ndim) + factor.shape)))
    return OnGrid(real, QParams(scales, (0,) * len(scales), place))


def along(parameter: Ref, rank: int, axis: int) -> Expr:
    """A scale or zero point that broadcasts: a vector along `axis` of `rank` dimensions, a matrix as it is."""
    if parameter.type.rank > 1:
        return parameter if parameter.value is None else parameter.value
    shape: tuple[int, ...] = ()
    if parameter.type.rank and parameter.type.shape != (1,):
        shape = tuple(-1 if place == normal_axis(axis, rank) else 1 for place in range(rank))
    if parameter.value is not None:
        return parameter.value.reshape(shape)
    return Reshape(shape)(parameter) if parameter.type.rank else parameter


@onnx_rule("QuantizeLinear", since=10)
@onnx_rule("QuantizeLinear", domain="com.microsoft")
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
    """saturate(round(x / scale) + zero_point), per tensor or along an axis."""
    dtype = "uint8" if not output_dtype else onnx_dtype(output_dtype)
    dtype = dtype if zero_point is None else zero_point.type.dtype
    if block_size or dtype not in _TARGETS:
        raise Unsupported(f"it quantizes to {dtype} in blocks of {block_size}; export the model in float")
    return quantized(x, scale, zero_point, dtype, axis)


@onnx_rule("DequantizeLinear", since=10)
@onnx_rule("DequantizeLinear", domain="com.microsoft")
def import_dequantize_linear(
    x: Ref,
    scale: Ref,
    zero_point: Ref | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Expr:
    """(x - zero_point) * scale, per tensor or along an axis; at once for a constant."""
    if block_size:
        raise Unsupported(f"it is quantized in blocks of {block_size}; export the model in float")
    return dequantized(x, scale, zero_point, axis)
