"""Normalisations that stay in float: local response (LRN), by Lp norm, and by mean and variance over any axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.add import Sub
from edgeconv.ops.axes import check_axis, normal_axes, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reduce import ReduceMean
from edgeconv.ops.standardise import standardise
from edgeconv.records import dataclass

__all__ = ["LocalResponseNorm", "LpNorm", "MeanVarianceNorm"]


@dataclass(frozen=True)
class LocalResponseNorm(Operator):
    """x / (bias + alpha / size * sum of squares over `size` channels around each) ** beta; x (N, C, ...)."""

    size: int
    alpha: float
    beta: float
    bias: float

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 2 or not x.is_float or self.size < 1:
            raise ShapeError(f"needs real numbers with channels, and a size of at least 1, found {x} and {self.size}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        channels, squares = x.shape[1], np.square(x)
        sums = np.zeros_like(x)
        before, after = min((self.size - 1) // 2, channels), min(self.size // 2, channels)
        for shift in range(-before, after + 1):
            low, high = max(0, -shift), min(channels, channels - shift)
            sums[:, low:high] += squares[:, low + shift : high + shift]
        return np.asarray(x / (self.bias + self.alpha / self.size * sums) ** self.beta, x.dtype)


@dataclass(frozen=True)
class LpNorm(Operator):
    """x divided by its L1 or L2 norm along `axis`; 0 where the norm is 0."""

    axis: int
    p: int = 2

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if not x.is_float or self.p not in (1, 2):
            raise ShapeError(f"needs real numbers and a norm of 1 or 2, found {x} and {self.p}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        powers = np.abs(x) if self.p == 1 else np.square(x)
        sums = powers.sum(axis=self.axis, keepdims=True)
        norm = sums if self.p == 1 else np.sqrt(sums)
        return np.asarray(x / np.where(norm == 0, 1, norm), x.dtype)


@dataclass(frozen=True)
class MeanVarianceNorm(Operator):
    """(x - mean) / standard deviation over `axes`; 0 where all elements are equal."""

    axes: tuple[int, ...]

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        for axis in self.axes:
            check_axis(axis, x.rank)
        if not x.is_float or len(set(self.axes)) != len(self.axes) or any(x.shape[axis] == 0 for axis in self.axes):
            raise ShapeError(f"needs real numbers and different axes that are not empty, found {x} and {self.axes}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        return standardise(x, self.axes, 1e-18)  # ONNX's function adds 1e-9 to the deviation


@onnx_rule("LRN")
def import_lrn(x: Ref, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Expr:
    """Local response normalisation across channels."""
    return LocalResponseNorm(size, alpha, beta, bias)(x)


@onnx_rule("LpNormalization")
def import_lp_norm(x: Ref, *, axis: int = -1, p: int = 2) -> Expr:
    """Division by the L1 or L2 norm."""
    return LpNorm(normal_axis(axis, x.type.rank), p)(x)


@onnx_rule("MeanVarianceNormalization")
def import_mean_variance_norm_of_maps(x: Ref, *, across_channels: int = 0, normalize_variance: int = 1) -> Expr:
    """Before opset 9: mean 0, and variance 1 where wanted, over each channel of x (N, C, H, W), or all of it."""
    axes = normal_axes((0, 1, 2, 3) if across_channels else (0, 2, 3), x.type.rank)
    return MeanVarianceNorm(axes)(x) if normalize_variance else Sub()(x, ReduceMean(axes)(x))


@onnx_rule("MeanVarianceNormalization", since=9)
def import_mean_variance_norm(x: Ref, *, axes: Sequence[int] = (0, 2, 3)) -> Expr:
    """Mean 0 and variance 1 over the axes."""
    return MeanVarianceNorm(normal_axes(axes, x.type.rank))(x)
