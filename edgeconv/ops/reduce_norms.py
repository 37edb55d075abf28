"""The reductions that stay in float: products, norms and logarithms of sums."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reduce import Reduction, register_reduction

__all__ = ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare"]


class ReduceProd(Reduction):
    """The product."""

    def run(self, x: Array) -> Array:
        return np.asarray(np.prod(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


class ReduceSumSquare(Reduction):
    """The sum of squares."""

    def run(self, x: Array) -> Array:
        return np.asarray(np.sum(np.square(x), axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


class ReduceL1(Reduction):
    """The sum of magnitudes."""

    def run(self, x: Array) -> Array:
        return np.asarray(np.sum(np.abs(x), axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


class ReduceL2(Reduction):
    """The square root of the sum of squares."""

    def run(self, x: Array) -> Array:
        return np.asarray(np.sqrt(np.sum(np.square(x), axis=self.axes, keepdims=self.keep_dims)), x.dtype)


class ReduceLogSum(Reduction):
    """The logarithm of the sum."""

    def run(self, x: Array) -> Array:
        return np.asarray(np.log(np.sum(x, axis=self.axes, keepdims=self.keep_dims)), x.dtype)


class ReduceLogSumExp(Reduction):
    """log(sum(exp(x))); the largest element is taken out first, so that nothing overflows."""

    def run(self, x: Array) -> Array:
        real = x if x.dtype.kind == "f" else x.astype(np.float64)
        top = np.max(real, axis=self.axes, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0)
        sums = np.log(np.sum(np.exp(real - top), axis=self.axes, keepdims=True)) + top
        kept = sums if self.keep_dims else np.squeeze(sums, self.axes)
        return np.asarray(kept, x.dtype)


for _op in (ReduceProd, ReduceSumSquare, ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp):
    register_reduction(_op.__name__, _op, 18)


@onnx_rule("GlobalLpPool")
def import_global_lp_pool(x: Ref, *, p: int = 2) -> Expr:
    """The norm of every plane."""
    if p not in (1, 2):
        raise Unsupported(f"its norm p={p} is neither 1 nor 2")
    return (ReduceL1 if p == 1 else ReduceL2)(tuple(range(2, x.type.rank)))(x)
