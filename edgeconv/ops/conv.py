"""Conv: convolution over any number of dimensions. x (N,C,*S), weight (O,C/groups,*K), bias (O,).

One kernel serves all: grouped im2col and one (batched) product per sample. `low` and `high` clamp the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf, prod
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.im2col import Columns
from edgeconv.ops.integer import exact_dtype, multiplier, requantize_into, scalar, weight_bound
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.windows import Geometry, Window, resolve_auto_pad

__all__ = ["Conv"]


@dataclass(frozen=True)
class Conv(Operator):
    """Convolution. Pads are begins, then ends; `low` and `high` bound the output (a fused Relu or Clip)."""

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1
    low: float = -inf
    high: float = inf

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,), weight=1, weight_axis=0, bias=2)

    def infer(self, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> tuple[TensorType, ...]:
        if x.rank < 3 or weight.rank != x.rank:
            raise ShapeError(f"input {x} and weight {weight} must have the same rank, 3 or more")
        outputs = weight.shape[0]
        if self.groups < 1 or x.shape[1] != weight.shape[1] * self.groups or outputs % self.groups:
            raise ShapeError(f"input {x} does not fit weight {weight} in {self.groups} groups")
        if bias is not None and bias.shape != (outputs,):
            raise ShapeError(f"bias {bias} must have one element for each of {outputs} outputs")
        return (x.with_shape((x.shape[0], outputs, *self.window(weight).output_dims(x.shape[2:]))),)

    def window(self, weight: TensorType) -> Window:
        """The sliding window for this weight."""
        return Window(weight.ints[2:], self.strides, self.dilations, self.pads)

    def run(self, x: Array, w: Array, b: Array | None = None) -> Array:
        out = self.infer(TensorType("float32", x.shape), TensorType("float32", w.shape))[0].ints
        y = np.zeros(out, np.result_type(x, w))
        rank = x.ndim - 2
        padded = np.pad(x, [(0, 0), (0, 0), *((self.pads[a], self.pads[a + rank]) for a in range(rank))])
        per_in, per_out = w.shape[1], w.shape[0] // self.groups
        for group in range(self.groups):
            channels = padded[:, group * per_in : (group + 1) * per_in]
            rows = slice(group * per_out, (group + 1) * per_out)
            for tap in np.ndindex(*w.shape[2:]):
                spans = tuple(
                    slice(t * d, t * d + (n - 1) * s + 1, s)
                    for t, d, n, s in zip(tap, self.dilations, out[2:], self.strides, strict=True)
                )
                seen: Array = channels[(slice(None), slice(None), *spans)]
                y[:, rows] += np.einsum("nc...,oc->no...", seen, w[(rows, slice(None), *tap)])
        if b is not None:
            y += b.reshape(-1, *(1,) * rank)
        return np.clip(y, self.low, self.high)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, weight, bias = inputs[0], inputs[1], inputs.get(2)
        if not (weight.is_constant and (bias is None or bias.is_constant)):
            return super().plan(inputs, outputs, scratch)
        geometry = self.window(weight.type).geometry(x.type.ints[1:], outputs[0].type.ints[2:])
        prepare = _plan_float if x.q is None else _plan_int8
        return prepare(self, geometry, x, weight, None if bias is None else bias.array, outputs[0], scratch)

    def columns(self, x: Array, weight: Array) -> Array:
        window = self.window(TensorType("float32", weight.shape))
        rank = len(window.kernel)
        pads = [(0, 0), (0, 0), *((self.pads[a], self.pads[a + rank]) for a in range(rank))]
        spans = tuple(d * (k - 1) + 1 for d, k in zip(self.dilations, window.kernel, strict=True))
        views = sliding_window_view(np.pad(x, pads), spans, axis=tuple(range(2, 2 + rank)))
        steps = tuple(slice(None, None, n) for n in (1, 1, *self.strides, *self.dilations))
        moved: Array = views[steps]
        order = (1, *range(2 + rank, 2 + 2 * rank), 0, *range(2, 2 + rank))
        return moved.transpose(order).reshape(self.groups, weight[0].size, -1)

    def matrix(self, weight: Array) -> Array:
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def from_matrix(self, matrix: Array, like: Array) -> Array:
        return matrix.reshape(like.shape)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * prod(inputs[1].ints[1:])


def _plan_float(
    conv: Conv, geometry: Geometry, x: Operand, weight: Operand, bias: Array | None, y: Operand, scratch: Scratch
) -> Kernel:
    rows = weight.array.shape[0]
    matrix = weight.array.reshape(conv.groups, rows // conv.groups, -1)
    fill = None if bias is None else bias.astype(np.float32)
    columns = Columns(geometry, conv.groups, 0.0, x.array.dtype.name, "float32", fill is not None, scratch)
    if columns.has_ones and fill is not None:
        matrix = np.concatenate([matrix, fill.reshape(conv.groups, -1, 1)], axis=2)
        fill = None
    matrix = np.ascontiguousarray(matrix)
    acc = scratch((rows, geometry.columns))
    product = acc.reshape(conv.groups, -1, geometry.columns)[:, :, : geometry.run]
    result = geometry.outputs_of(acc)
    low, high = np.float32(conv.low), np.float32(conv.high)
    column_bias = None if fill is None else fill[:, None]
    clamps = not (isinf(conv.low) and isinf(conv.high))
    steps = [(columns.loader(x.array[n]), y.array[n]) for n in range(x.array.shape[0])]

    def kernel() -> None:
        for load, out in steps:
            np.matmul(matrix, load(), out=product)
            if column_bias is not None:
                np.add(acc, column_bias, out=acc)
            if clamps:
                np.clip(result, low, high, out=out)
            else:
                np.copyto(out, result)

    return kernel


def _plan_int8(
    conv: Conv, geometry: Geometry, x: Operand, weight: Operand, bias: Array | None, y: Operand, scratch: Scratch
) -> Kernel:
    assert x.q is not None and weight.q is not None and y.q is not None
    rows = weight.array.shape[0]
    scale_x, zero_x = scalar(x.q)
    scale_y, _ = scalar(y.q)
    matrix = weight.array.reshape(rows, -1).astype(np.int64)
    fill = -zero_x * matrix.sum(axis=1) + (0 if bias is None else bias.astype(np.int64))
    dtype = exact_dtype(weight_bound(matrix, fill))
    columns = Columns(geometry, conv.groups, zero_x, "int8", dtype, True, scratch)
    grouped = np.concatenate([matrix, fill[:, None]], axis=1).reshape(conv.groups, rows // conv.groups, -1)
    grouped = grouped.astype(dtype)
    scales_w = np.broadcast_to(np.array(weight.q.scale, np.float64), (rows,))
    factor = multiplier(scales_w * scale_x, scale_y)
    acc = scratch((rows, geometry.columns), dtype)
    product = acc.reshape(conv.groups, -1, geometry.columns)[:, :, : geometry.run]
    result = geometry.outputs_of(acc)
    broadcast = factor.reshape(-1, *(1,) * (result.ndim - 1))
    steps = [
        (columns.loader(x.array[n]), requantize_into(result, broadcast, y.q, y.array[n], conv.low, conv.high))
        for n in range(x.array.shape[0])
    ]

    def kernel() -> None:
        for load, requantize in steps:
            np.matmul(grouped, load(), out=product)
            requantize()

    return kernel


@onnx_rule("Conv")
def import_conv(
    x: Ref,
    w: Ref,
    b: Ref | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """ONNX Conv; the kernel shape is the weight's."""
    spatial = w.type.rank - 2
    if kernel_shape and tuple(kernel_shape) != w.type.shape[2:]:
        raise Unsupported(f"kernel_shape {tuple(kernel_shape)} differs from the weight {w.type}")
    ones, none = (1,) * spatial, (0,) * (2 * spatial)
    window = Window(w.type.ints[2:], tuple(strides) or ones, tuple(dilations) or ones, tuple(pads) or none)
    padding = resolve_auto_pad(auto_pad, window, x.type.shape[2:])
    return Conv(window.strides, padding, window.dilations, group)(x, w, b)
