"""MatMul: the product of matrices, batched and broadcast as in NumPy. Gemm and MatMul by a constant become Dense.

int8: zero points are subtracted first; the product of the integers is exact, in float32 or float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MAX, INT8_MIN, Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError, expr_type
from edgeconv.ops.binary import check_kind
from edgeconv.ops.broadcast import broadcast_shapes, equal_dim
from edgeconv.ops.dense import Dense
from edgeconv.ops.integer import exact_dtype, multiplier, requantize_into, required, scalar
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["MatMul", "product"]


@dataclass(frozen=True)
class MatMul(Operator):
    """a (..., M, K) times b (..., K, N); an input of rank 1 is a row (a) or a column (b)."""

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 1))
    wide: ClassVar[bool] = True

    def infer(self, a: TensorType, b: TensorType) -> tuple[TensorType, ...]:
        check_kind(a, "fiu")
        rows, columns = a.shape[-2:-1], b.shape[-1:] if b.rank > 1 else ()
        is_fit = a.dtype == b.dtype and a.rank and b.rank and equal_dim((a.shape[-1], b.shape[-2:][0])) is not None
        if not is_fit:
            raise ShapeError(f"{a} does not fit {b}: the last dimension of the first must be the second's last but one")
        return (TensorType(a.dtype, (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns)),)

    def run(self, a: Array, b: Array) -> Array:
        result: Array = np.matmul(a, b)
        return result

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        a, b, y = inputs[0].array, inputs[1].array, outputs[0].array
        if inputs[0].q is not None:
            return _plan_int8(inputs[0], inputs[1], outputs[0], scratch)
        return partial(np.matmul, a, b, out=y)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * inputs[0].ints[-1]


def _plan_int8(a: Operand, b: Operand, y: Operand, scratch: Scratch) -> Kernel:
    scale_a, zero_a = scalar(a.q)
    scale_b, zero_b = scalar(b.q)
    q = required(y.q)
    dtype = exact_dtype(a.type.ints[-1] * _reach(zero_a) * _reach(zero_b))
    left, load_left = _integers(a, zero_a, dtype, scratch)
    right, load_right = _integers(b, zero_b, dtype, scratch)
    acc = scratch(y.array.shape, dtype)
    requantize = requantize_into(acc, multiplier(np.array(scale_a * scale_b), scalar(q)[0]), q, y.array)
    return chain([*load_left, *load_right, partial(np.matmul, left, right, acc), requantize])


def _reach(zero_point: int) -> int:
    """The largest magnitude of q - zero_point."""
    return max(INT8_MAX - zero_point, zero_point - INT8_MIN)


def _integers(x: Operand, zero_point: int, dtype: str, scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """(values, jobs): the jobs leave q - zero_point in the values, which are of a float `dtype`."""
    if x.is_constant:
        return scratch.hold(np.subtract(x.array, zero_point, dtype=dtype)), []
    if x.array.dtype.name == dtype:
        return x.array, []
    values = scratch(x.array.shape, dtype)
    jobs = [cast(values, x.array)]
    if zero_point and not x.is_wide:
        jobs.append(partial(np.subtract, values, np.asarray(zero_point, dtype), values))
    return values, jobs


def product(a: Expr, b: Expr) -> Expr:
    """a times b: Dense where b is a constant matrix of floats."""
    known = expr_type(b)
    is_weight = known.value is not None and known.rank == 2 and known.is_float and expr_type(a).rank > 1
    return Dense()(a, b) if is_weight else MatMul()(a, b)


@onnx_rule("MatMul")
def import_matmul(a: Ref, b: Ref) -> Expr:
    """A product of matrices; by a constant matrix it is a linear layer."""
    return product(a, b)
