"""GroupNorm: groups of channels standardised per sample, then a scale and a bias per channel.

InstanceNormalization is this operator with one channel to a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.layer_norm import check_rows
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.standardise import Affine, Rows, plan_standardise, standardise
from edgeconv.records import dataclass, replace

__all__ = ["GroupNorm"]


@dataclass(frozen=True)
class GroupNorm(Operator):
    """x (N, C, *S), scale and bias (C,); mean and variance over each of `groups` runs of channels of a sample."""

    groups: int
    epsilon: float = 1e-5

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType, scale: TensorType, bias: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 2 or not isinstance(x.shape[1], int) or self.groups < 1 or x.shape[1] % self.groups:
            raise ShapeError(f"needs a batch and channels in {self.groups} equal groups, found {x}")
        check_rows(x, range(1, x.rank), self.epsilon)
        for known in (scale, bias):
            if not known.is_float or known.shape != x.shape[1:2]:
                raise ShapeError(f"needs one real number for each channel of {x}, found {known}")
        return (x.with_shape(x.shape),)

    def _rows(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], self.groups, shape[1] // self.groups, prod(shape[2:]))

    def run(self, x: Array, scale: Array, bias: Array) -> Array:
        y = standardise(x.reshape(self._rows(x.shape)), (2, 3), self.epsilon).reshape(x.shape)
        channels = (-1, *(1,) * (x.ndim - 2))
        return np.asarray(y * scale.reshape(channels) + bias.reshape(channels), x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        if x.q is None and x.array.dtype != np.float32:
            return super().plan(inputs, outputs, scratch)
        rows = Rows(self._rows(x.array.shape), 2)
        scale, bias = (replace(p, array=p.array.reshape(self.groups, -1, 1)) for p in (inputs[1], inputs[2]))
        return plan_standardise(rows, self.epsilon, True, Affine(scale, bias), x, y, scratch)


@onnx_rule("InstanceNormalization")
def import_instance_norm(x: Ref, scale: Ref, bias: Ref, *, epsilon: float = 1e-5) -> Expr:
    """InstanceNormalization: every channel is a group."""
    return GroupNorm(scale.type.ints[0], epsilon)(x, scale, bias)


@onnx_rule("GroupNormalization", since=18)
def import_group_norm_per_group(x: Ref, scale: Ref, bias: Ref, *, num_groups: int, epsilon: float = 1e-5) -> Expr:
    """GroupNormalization of opset 18, whose scale and bias are per group."""
    if scale.value is None or bias.value is None:
        raise Unsupported("its scale or bias is computed at run time; make it a constant, or export with opset 21")
    channels = x.type.shape[1]
    if not isinstance(channels, int) or num_groups < 1 or scale.type.shape != (num_groups,):
        raise ShapeError(f"needs {num_groups} groups of channels of {x.type}, found the scale {scale.type}")
    repeats = channels // num_groups
    return GroupNorm(num_groups, epsilon)(x, np.repeat(scale.value, repeats), np.repeat(bias.value, repeats))


@onnx_rule("GroupNormalization", since=21)
def import_group_norm(
    x: Ref, scale: Ref, bias: Ref, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Expr:
    """GroupNormalization with a scale and a bias per channel."""
    if stash_type != 1:
        raise Unsupported(f"its stash_type is {stash_type}; edgeconv computes the statistics in float32 (1)")
    return GroupNorm(num_groups, epsilon)(x, scale, bias)
