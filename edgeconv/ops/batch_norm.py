"""BatchNorm: (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel of x (N, C, ...), statistics given.

int8: q times one float32 factor plus one float32 offset per channel, rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.binary import clear, lines_of
from edgeconv.ops.integer import clamp_bounds, is_real, narrow, required, scalar
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.reduce import ReduceMean
from edgeconv.ops.reshape import reshape_to
from edgeconv.records import dataclass

__all__ = ["BatchNorm"]


@dataclass(frozen=True)
class BatchNorm(Operator):
    """Normalisation by fixed statistics; inputs x, scale, bias, mean and variance, the last four of shape (C,)."""

    epsilon: float = 1e-5

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True
    int16: ClassVar[str] = "own"

    def infer(
        self, x: TensorType, scale: TensorType, bias: TensorType, mean: TensorType, variance: TensorType
    ) -> tuple[TensorType, ...]:
        if x.rank < 2 or not is_real(x):
            raise ShapeError(f"needs real numbers with a batch and channels, found {x}")
        for known in (scale, bias, mean, variance):
            if not known.is_float or known.shape != x.shape[1:2]:
                raise ShapeError(f"needs one real number for each channel of {x}, found {known}")
        return (x.with_shape(x.shape),)

    def factors(self, scale: Array, bias: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        """(factor, offset), float64 of shape (C,): y = x * factor + offset."""
        factor = scale / np.sqrt(variance.astype(np.float64) + self.epsilon)
        return factor, bias - mean * factor

    def run(self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array) -> Array:
        factor, offset = (_per_channel(v, x).astype(x.dtype) for v in self.factors(scale, bias, mean, variance))
        return np.asarray(x * factor + offset)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        given = [inputs[index] for index in range(1, 5)]
        dtype = x.array.dtype if x.q is None else np.float32
        factor, offset = (np.empty_like(_per_channel(given[0].array, x.array), dtype) for _ in range(2))

        def prepare() -> None:
            wanted = self.factors(*(operand.array for operand in given))
            for target, value in zip((factor, offset), _scaled(wanted, x, y), strict=True):
                np.copyto(target, _per_channel(value, x.array), casting="same_kind")

        compute = _plan_float(factor, offset, x, y) if x.q is None else _plan_int8(factor, offset, x, y, scratch)
        if all(operand.is_constant for operand in given):
            prepare()
            return compute

        def kernel() -> None:
            prepare()
            compute()

        return kernel


def _per_channel(values: Array, x: Array) -> Array:
    """(C,) so that it broadcasts against x (N, C, ...)."""
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _scaled(factors: tuple[Array, Array], x: Operand, y: Operand) -> tuple[Array, Array]:
    """The factors of integers instead of real values, in units of the output's scale."""
    if x.q is None:
        return factors
    (scale_x, zero_x), (scale_y, _) = scalar(x.q), scalar(y.q)
    factor = factors[0] * scale_x / scale_y
    return factor, factors[1] / scale_y - factor * zero_x


def _plan_float(factor: Array, offset: Array, x: Operand, y: Operand) -> Kernel:
    source, out = x.array, y.array
    multiply = partial(np.multiply, source, factor, out=out, casting="same_kind")
    return chain([multiply, partial(np.add, out, offset, out=out, casting="same_kind")])


def _plan_int8(factor: Array, offset: Array, x: Operand, y: Operand, scratch: Scratch) -> Kernel:
    (values,), out = lines_of([x], y)
    work, zero_y = scratch(values.shape), scalar(y.q)[1]
    lo, hi = (np.float32(bound - zero_y) for bound in clamp_bounds(required(y.q), dtype=y.type.dtype))
    shape = (-1, *(1,) * (values.ndim - 2))
    jobs: list[Kernel] = [
        partial(np.add, values, np.float32(scalar(x.q)[1]), work) if x.is_wide else cast(work, values),
        partial(np.multiply, work, factor.reshape(shape), work),
        partial(np.add, work, offset.reshape(shape), work),
        partial(np.rint, work, work),
    ]
    return chain(jobs + narrow(work, lo, hi, np.float32(zero_y), out) + clear(y, out))


@onnx_rule("BatchNormalization")
def import_batch_norm(
    x: Ref,
    scale: Ref,
    bias: Ref,
    mean: Ref,
    variance: Ref,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    spatial: int = 1,
    outputs: int = 1,
) -> Expr | tuple[Expr | None, ...]:
    """BatchNormalization; `spatial` is opset 7's and 8's. In training mode, the batch has statistics of its own.

    Before opset 14, more than one output asks for that.
    """
    if training_mode or outputs > 1:
        found = _batch_statistics(x)
        running = [
            Add()(Mul()(old, np.array(momentum, x.type.dtype)), Mul()(new, np.array(1 - momentum, x.type.dtype)))
            for old, new in zip((mean, variance), found, strict=True)
        ]
        return (BatchNorm(epsilon)(x, scale, bias, *found), *running, *found)[:outputs]
    if not spatial:
        return _of_elements(x, BatchNorm(epsilon), (scale, bias, mean, variance))
    return BatchNorm(epsilon)(x, scale, bias, mean, variance)


def _of_elements(x: Ref, operator: BatchNorm, statistics: Sequence[Ref]) -> Expr:
    """`operator` with statistics for every element of a sample: each is a channel."""
    shape = x.type.shape
    elements = prod(shape[1:])
    flat = [reshape_to(each, each.type.shape, (elements,)) for each in statistics]
    return reshape_to(operator(reshape_to(x, shape, (shape[0], elements)), *flat), (shape[0], elements), shape)


def _batch_statistics(x: Ref) -> tuple[Expr, Expr]:
    """Mean and variance of each channel of x (N, C, ...)."""
    axes = (0, *range(2, x.type.rank))
    mean = ReduceMean(axes, keep_dims=False)(x)
    away = Sub()(x, ReduceMean(axes)(x))
    return mean, ReduceMean(axes, keep_dims=False)(Mul()(away, away))
