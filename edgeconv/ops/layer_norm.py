"""LayerNorm and RmsNorm: every row (all axes from `axis` on) standardised, times a scale, plus a bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.broadcast import broadcast_shapes
from edgeconv.ops.integer import is_real
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reduce import ReduceMean, Reduction
from edgeconv.ops.standardise import LONGEST_INT16_ROW, LONGEST_ROW, Affine, Rows, plan_standardise, standardise
from edgeconv.records import dataclass

__all__ = ["LayerNorm", "ReduceInverseDeviation", "RmsNorm", "check_rows"]


@dataclass(frozen=True)
class _RowNorm(Operator):
    """Rows are all axes from `axis` (non-negative) on; `epsilon` keeps the division finite."""

    axis: int
    epsilon: float = 1e-5

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "own"
    centre: ClassVar[bool]

    def _infer(self, x: TensorType, *affine: TensorType | None) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_rows(x, tuple(range(self.axis, x.rank)), self.epsilon)
        for known in affine:
            if known is not None and (not known.is_float or broadcast_shapes(x.shape, known.shape) != x.shape):
                raise ShapeError(f"scale and bias must be real and broadcast to {x}, found {known}")
        return (x.with_shape(x.shape),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        if x.q is None and x.array.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        rows = Rows(x.array.shape, self.axis)
        affine = Affine(inputs[1], inputs.get(2))
        return plan_standardise(rows, self.epsilon, self.centre, affine, x, y, scratch)


class LayerNorm(_RowNorm):
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, over each row."""

    centre = True

    def infer(self, x: TensorType, scale: TensorType, bias: TensorType | None = None) -> tuple[TensorType, ...]:
        return self._infer(x, scale, bias)

    def run(self, x: Array, scale: Array, bias: Array | None = None) -> Array:
        y = standardise(x, range(self.axis, x.ndim), self.epsilon) * scale
        return np.asarray(y if bias is None else y + bias, x.dtype)


class RmsNorm(_RowNorm):
    """x / sqrt(mean(x * x) + epsilon) * scale, over each row."""

    centre = False

    def infer(self, x: TensorType, scale: TensorType) -> tuple[TensorType, ...]:
        return self._infer(x, scale)

    def run(self, x: Array, scale: Array) -> Array:
        return np.asarray(standardise(x, range(self.axis, x.ndim), self.epsilon, centre=False) * scale, x.dtype)


@dataclass(frozen=True)
class ReduceInverseDeviation(Reduction):
    """1 / sqrt(variance + epsilon) over the axes: LayerNormalization's third output."""

    epsilon: float = 1e-5

    def run(self, x: Array) -> Array:
        variance = np.var(x, axis=self.axes, keepdims=self.keep_dims)
        return np.asarray(1 / np.sqrt(variance + self.epsilon), x.dtype)


def check_rows(x: TensorType, axes: Sequence[int], epsilon: float) -> None:
    """Raise ShapeError unless x is real, its rows over `axes` have elements, in int8 not too many, and epsilon >= 0."""
    if not is_real(x) or not epsilon >= 0:
        raise ShapeError(f"needs a tensor of real numbers and an epsilon of at least 0, found {x} and {epsilon}")
    known = [dim for dim in (x.shape[axis] for axis in axes) if isinstance(dim, int)]
    count = int(np.prod(known, dtype=object))
    most = {"int8": LONGEST_ROW, "int16": LONGEST_INT16_ROW}.get(x.dtype, count)
    if not 1 <= count <= most:
        raise ShapeError(f"a row of {x} has {count} elements; 1 to {most} can be normalised")


@onnx_rule("LayerNormalization")
def import_layer_norm(
    x: Ref, scale: Ref, bias: Ref | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1,
    outputs: int = 1,
) -> Expr | tuple[Expr | None, ...]:  # fmt: skip
    """LayerNormalization; its second and third output are the mean and the inverse deviation of each row."""
    if stash_type != 1:
        raise Unsupported(f"its stash_type is {stash_type}; edgeconv computes the statistics in float32 (1)")
    first = normal_axis(axis, x.type.rank)
    axes = tuple(range(first, x.type.rank))
    y = LayerNorm(first, epsilon)(x, scale, bias)
    if outputs == 1:
        return y
    return (y, ReduceMean(axes)(x), ReduceInverseDeviation(axes, True, epsilon)(x))[:outputs]


@onnx_rule("RMSNormalization")
def import_rms_norm(x: Ref, scale: Ref, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Expr:
    """RMSNormalization (opset 23)."""
    if stash_type != 1:
        raise Unsupported(f"its stash_type is {stash_type}; edgeconv computes the statistics in float32 (1)")
    return RmsNorm(normal_axis(axis, x.type.rank), epsilon)(x, scale)
