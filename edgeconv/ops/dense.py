"""Dense: x (..., K) times weight (K, O), plus bias (O,): Gemm, and MatMul by a constant.

int8: one exact product; zero points are folded into the bias. A bias in float32, as models that came quantized may
have, is added behind the scaling: single IEEE operations either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf, isinf, prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, QuantRule, Scratch, ShapeError
from edgeconv.ops.broadcast import equal_dim
from edgeconv.ops.integer import (
    EXACT_FLOAT32,
    centred_weight,
    exact_product,
    multiplier,
    real_bias,
    requantize_into,
    required,
    scalar,
    span,
    sum_bound,
    whole_bias,
)
from edgeconv.ops.jobs import cast, chain, clip, laid_out, product
from edgeconv.ops.residual import Residual, check_residual
from edgeconv.records import dataclass

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(Operator):
    """A linear layer over the last dimension; `low` and `high` bound the output (a fused Relu or Clip)."""

    low: float = -inf
    high: float = inf

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 3), weight=1, weight_axis=1, bias=2)
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True

    channel_axis: ClassVar[int] = -1

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        bias: TensorType | None = None,
        residual: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        if not self.low <= self.high:
            raise ShapeError(f"bounds {self.low} and {self.high} leave nothing between them")
        if x.rank < 1 or weight.rank != 2 or equal_dim((x.shape[-1], weight.shape[0])) is None:
            raise ShapeError(f"input {x} does not fit weight {weight}: the last dimension must be the weight's first")
        if bias is not None and bias.shape != weight.shape[1:]:
            raise ShapeError(f"bias {bias} must have shape [{weight.shape[1]}]")
        y = x.with_shape((*x.shape[:-1], weight.shape[1]))
        check_residual(residual, y)
        return (y,)

    def run(self, x: Array, weight: Array, bias: Array | None = None, residual: Array | None = None) -> Array:
        y: Array = np.matmul(x, weight)
        for more in (bias, residual):
            y = y if more is None else y + more
        return y if isinf(self.low) and isinf(self.high) else np.clip(y, self.low, self.high)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, weight, bias, y = inputs[0], inputs[1], inputs.get(2), outputs[0]
        is_constant = weight.is_constant and (bias is None or bias.is_constant)
        if is_constant and x.q is not None:
            return _plan_int8(self, inputs, y, scratch)
        if is_constant and y.type.dtype == "float32":
            return _plan_float(self, inputs, y, scratch)
        return super().plan(inputs, outputs, scratch)

    def columns(self, x: Array, weight: Array, count: int) -> Array:
        from edgeconv.ops.sampling import spread_positions

        rows = _rows(x)
        return np.ascontiguousarray(rows[spread_positions(len(rows), count)].T)[None]

    def matrix(self, weight: Array) -> Array:
        return weight.T[None]

    def from_matrix(self, matrix: Array, like: Array) -> Array:
        return np.ascontiguousarray(matrix[0].T)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return inputs[0].size * inputs[1].ints[1]


def _plan_float(dense: Dense, inputs: Inputs[Operand], y: Operand, scratch: Scratch) -> Kernel:
    rows, matrix, out = _rows(inputs[0].array), np.ascontiguousarray(inputs[1].array), _rows(y.array)
    bias, residual = inputs.get(2), inputs.get(3)
    added = [] if bias is None else [laid_out(bias.array, out.shape, scratch)]
    if residual is not None:
        added.append(_rows(residual.array))
    jobs: list[Kernel] = [product(rows, matrix, out)]
    jobs += [partial(np.add, out, more, out) for more in added]
    if not (isinf(dense.low) and isinf(dense.high)):
        jobs.append(partial(clip, out, np.float32(dense.low), np.float32(dense.high), out))
    return chain(jobs)


def _plan_int8(dense: Dense, inputs: Inputs[Operand], y: Operand, scratch: Scratch) -> Kernel:
    x, weight, bias, residual = inputs[0], inputs[1], inputs.get(2), inputs.get(3)
    scale_x, zero_x = scalar(x.q)
    centre = zero_x if x.is_wide else 0
    q_weight, q = required(weight.q), required(y.q)
    matrix = centred_weight(weight)
    whole, real = whole_bias(bias), real_bias(bias, scalar(q)[0])
    fill = (centre - zero_x) * matrix.sum(axis=0, dtype=np.int64) + (0 if whole is None else whole)
    dtype, cut = exact_product(matrix.T, fill, *span(x.type, centre))
    in_bytes = dtype == "float64" and _is_exact_in_bytes(matrix.T, fill, x.type)
    dtype = "float32" if in_bytes else dtype
    factor = multiplier(np.broadcast_to(np.array(q_weight.scale, np.float64), fill.shape) * scale_x, scalar(q)[0])
    held = scratch.hold(np.array(matrix, dtype, order="C"))
    rows, out = _rows(x.array), _rows(y.array)
    acc, offset = scratch(out.shape, dtype), laid_out(fill.astype(dtype), out.shape, scratch)
    work = acc if dtype == "float32" else scratch(out.shape)
    jobs: list[Kernel] = []
    if rows.dtype.name != dtype:
        source, rows = rows, scratch(rows.shape, dtype)
        jobs.append(cast(rows, source))
    last = scratch(out.shape, dtype) if cut or in_bytes else acc
    if in_bytes:
        high, rows, source = scratch(rows.shape), scratch(rows.shape), rows
        jobs += _in_bytes(source, high, rows)
        jobs += [product(high, held, acc), partial(np.multiply, acc, np.float32(256), acc)]
    elif cut:
        jobs.append(product(rows[:, :cut], held[:cut], acc))
    jobs += [product(rows[:, cut:], held[cut:], last), partial(np.add, last, offset, last)]
    if last is not acc:
        jobs.append(partial(np.add, acc, last, acc))
    add: list[Kernel] = [] if real is None else [partial(np.add, work, real, work)]
    add += [] if residual is None else Residual(residual, y.type).add_to(work, _rows(residual.array), scratch)
    factor = laid_out(factor, out.shape, scratch)
    jobs.append(requantize_into(acc, factor, q, out, dense.low, dense.high, add=add, work=work, dtype=y.type.dtype))
    return chain(jobs)


def _is_exact_in_bytes(matrix: Array, fill: Array, x: TensorType) -> bool:
    """True where the high and the low bytes of 16 bits, each for itself, make sums that are exact in float32.

    256 times the first plus the second then rounds the exact sum once, as a float64 product cast to float32 would be.
    """
    bounds = sum_bound(matrix, np.zeros_like(fill), -128, 127), sum_bound(matrix, fill, 0, 255)
    return x.dtype == "int16" and max(bounds) < EXACT_FLOAT32


def _in_bytes(values: Array, high: Array, low: Array) -> list[Kernel]:
    """Jobs: whole numbers of 16 bits = 256 * high + low, all float32."""
    return [
        partial(np.multiply, values, np.float32(1 / 256), high),
        partial(np.floor, high, high),
        partial(np.multiply, high, np.float32(-256), low),
        partial(np.add, low, values, low),
    ]


def _rows(array: Array) -> Array:
    """(..., K) as a view (rows, K)."""
    return array.reshape(prod(array.shape[:-1]), array.shape[-1])
