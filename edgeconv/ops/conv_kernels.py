"""The kernels of Conv: grouped im2col and one (batched) product per sample, in float32 or exactly in int8."""

from __future__ import annotations

from math import isinf

import numpy as np

from edgeconv.core import Array, Kernel, quantize
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.im2col import Columns
from edgeconv.ops.integer import (
    centred_weight,
    exact_dtype,
    multiplier,
    requantize_into,
    required,
    scalar,
    weight_bound,
)
from edgeconv.ops.residual import plan_residual
from edgeconv.ops.windows import Geometry
from edgeconv.records import dataclass

__all__ = ["ConvLayer"]


@dataclass(frozen=True)
class ConvLayer:
    """A convolution with constant weight (and bias), ready to be planned. The batch goes sample by sample.

    `pad_values`: float32, real values of the padding; one, or one for each input channel.
    """

    geometry: Geometry
    groups: int
    low: float
    high: float
    pad_values: Array
    x: Operand
    weight: Operand
    bias: Operand | None
    residual: Operand | None
    y: Operand

    def plan_float(self, scratch: Scratch) -> Kernel:
        """The float32 kernel."""
        bias = None if self.bias is None else self.bias.array.astype(np.float32)
        source = self.x.array.dtype.name
        columns = Columns(self.geometry, self.groups, self.pad_values, source, "float32", bias is not None, scratch)
        matrix = self._grouped(self.weight.array, bias if columns.has_ones else None, "float32")
        column_bias = None if bias is None or columns.has_ones else bias[:, None]
        acc, product, result = self._accumulator("float32", scratch)
        low, high, clamps = np.float32(self.low), np.float32(self.high), not (isinf(self.low) and isinf(self.high))
        added = [None] * len(self.x.array) if self.residual is None else list(self.residual.array)
        steps = [(columns.loader(x), more, y) for x, more, y in zip(self.x.array, added, self.y.array, strict=True)]

        def kernel() -> None:
            for load, more, out in steps:
                np.matmul(matrix, load(), out=product)
                if column_bias is not None:
                    np.add(acc, column_bias, out=acc)
                if more is not None:
                    np.add(result, more, out=result)
                if clamps:
                    np.clip(result, low, high, out=out)
                else:
                    np.copyto(out, result)

        return kernel

    def plan_int8(self, scratch: Scratch) -> Kernel:
        """The int8 kernel: exact sums, one rounding. The zero point of x is folded into the bias."""
        (scale_x, zero_x), q = scalar(self.x.q), required(self.y.q)
        rows = self.weight.array.shape[0]
        matrix = centred_weight(self.weight.array, self.weight.q).reshape(rows, -1)
        bias = -zero_x * matrix.sum(axis=1) + (0 if self.bias is None else self.bias.array.astype(np.int64))
        padding = self._padding()
        dtype = exact_dtype(weight_bound(matrix, bias, max(128, int(np.abs(padding.astype(np.int32)).max()))))
        columns = Columns(self.geometry, self.groups, padding, padding.dtype.name, dtype, True, scratch)
        grouped = self._grouped(matrix, bias, dtype)
        acc, product, result = self._accumulator(dtype, scratch)
        margin = acc[:, self.geometry.run :]
        scales = np.broadcast_to(np.array(required(self.weight.q).scale, np.float64), (rows,)) * scale_x
        factor = multiplier(scales, q.scale[0]).reshape(-1, 1)
        work = None if dtype == "float32" else scratch(acc.shape)
        more = None if self.residual is None else scratch(result.shape)
        steps = []
        for n, x in enumerate(self.x.array):
            held = self.residual
            add = None if held is None or more is None else plan_residual(held.array[n], held.q, q, more)
            out = self.y.array[n]
            bounds = (self.low, self.high)
            view = self.geometry.outputs_of
            requantize = requantize_into(acc, factor, q, out, *bounds, work=work, add=add, outputs=view)
            steps.append((columns.loader(x), requantize))

        def kernel() -> None:
            for load, requantize in steps:
                np.matmul(grouped, load(), out=product)
                margin.fill(0)
                requantize()

        return kernel

    def _padding(self) -> Array:
        """The padding in steps of x: int8 where that holds it, int16 where it lies outside of what x can be."""
        wide = quantize(self.pad_values, required(self.x.q), "int16")
        narrow = wide.astype(np.int8)
        return narrow if np.array_equal(narrow, wide) else wide

    def _grouped(self, matrix: Array, bias: Array | None, dtype: str) -> Array:
        """The weight as (groups, outputs per group, taps [+ 1 for the bias])."""
        rows = matrix.reshape(self.groups, matrix.shape[0] // self.groups, -1)
        if bias is not None:
            rows = np.concatenate([rows, bias.reshape(self.groups, -1, 1)], axis=2)
        return np.ascontiguousarray(rows, dtype)

    def _accumulator(self, dtype: str, scratch: Scratch) -> tuple[Array, Array, Array]:
        """(sums (rows, columns), the part that the product writes, the part that are outputs (rows, *out))."""
        columns, rows = self.geometry.columns, self.weight.array.shape[0]
        acc = scratch((rows, columns), dtype)
        product = acc.reshape(self.groups, rows // self.groups, columns)[:, :, : self.geometry.run]
        return acc, product, self.geometry.outputs_of(acc)
