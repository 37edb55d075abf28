"""Import rules of Gemm and FusedMatMul: a linear layer where weight and bias are constant, else a MatMul and more."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, OnGrid, Ref, ShapeError, Typed, expr_type
from edgeconv.ops.dense import Dense
from edgeconv.ops.matmul import MatMul, product
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.transpose import Transpose

__all__ = ["scaled", "swapped"]


@onnx_rule("Gemm")
def import_gemm(
    a: Ref,
    b: Ref,
    c: Ref | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 (ONNX's name)
    transB: int = 0,  # noqa: N803 (ONNX's name)
) -> Expr:
    """alpha * a b + beta * c; with constant b and c it is a linear layer."""
    if a.type.rank != 2 or b.type.rank != 2:
        raise ShapeError(f"needs two matrices, found {a.type} and {b.type}")
    left: Expr = Transpose((1, 0))(a) if transA else a
    if b.value is None or not b.type.is_float:
        right: Expr = Transpose((1, 0))(b) if transB else b
        return _plus(scaled(MatMul()(left, right), alpha), c, beta)
    weight = np.ascontiguousarray((b.value.T if transB else b.value) * b.value.dtype.type(alpha))
    if c is None or c.value is None or prod(c.value.shape[:-1]) != 1:
        return _plus(Dense()(left, weight), c, beta)
    bias = c.value.reshape(-1) * c.value.dtype.type(beta)
    return Dense()(left, weight, np.ascontiguousarray(np.broadcast_to(bias, weight.shape[1:])))


@onnx_rule("FusedMatMul", "TransposeMatMul", domain="com.microsoft")
def import_fused_matmul(
    a: Ref,
    b: Ref,
    *,
    alpha: float = 1.0,
    transA: int = 0,  # noqa: N803 (ONNX Runtime's name)
    transB: int = 0,  # noqa: N803 (ONNX Runtime's name)
    transBatchA: int = 0,  # noqa: N803 (ONNX Runtime's name)
    transBatchB: int = 0,  # noqa: N803 (ONNX Runtime's name)
) -> Expr:
    """ONNX Runtime's alpha * a b, with the last two dimensions of either swapped."""
    if transBatchA or transBatchB:
        raise Unsupported("it moves batch dimensions; save the model without ONNX Runtime's extended optimizations")
    return scaled(product(swapped(a, transA), swapped(b, transB)), alpha)


def swapped(x: Typed, wanted: int) -> Expr:
    """x with its last two dimensions swapped where that is `wanted`; a constant at once."""
    if not wanted:
        return x
    if isinstance(x, OnGrid):
        return OnGrid(np.ascontiguousarray(x.value.swapaxes(-1, -2)), x.grid)
    if isinstance(x, Ref) and x.value is not None:
        return np.ascontiguousarray(x.value.swapaxes(-1, -2))
    rank = x.type.rank
    return Transpose((*range(rank - 2), rank - 1, rank - 2))(x)


def scaled(x: Expr, factor: float) -> Expr:
    """x times a number."""
    return x if factor == 1 else Mul()(x, np.array(factor, expr_type(x).dtype))


def _plus(x: Expr, c: Ref | None, beta: float) -> Expr:
    return x if c is None or beta == 0 else Add()(x, scaled(c, beta))
