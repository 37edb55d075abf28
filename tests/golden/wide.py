"""A layer large enough for BLAS to use several threads, with sums near the largest that float32 holds exactly."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.ops import operator_class
from edgeconv.runtime import Program
from edgeconv.runtime.program import Step, Tensor

__all__ = ["wide_input", "wide_program"]

_CHANNELS, _SIZE = 64, 40


def wide_input() -> Array:
    """Two samples of the whole int8 range."""
    drawn = np.random.default_rng(1).integers(-128, 128, (2, _CHANNELS, _SIZE, _SIZE))
    return drawn.astype(np.int8)


def wide_program() -> Program:
    """A 3x3 convolution with random int8 weights, padding and a zero point far from 0."""
    random = np.random.default_rng(2)
    weight = random.integers(-127, 128, (_CHANNELS, _CHANNELS, 3, 3)).astype(np.int8)
    bias = random.integers(-10_000, 10_000, _CHANNELS).astype(np.int32)
    shape = (2, _CHANNELS, _SIZE, _SIZE)
    x_q, y_q = QParams.per_tensor(0.031, -77), QParams.per_tensor(1.7, 5)
    w_q = QParams.per_channel(random.uniform(0.001, 0.02, _CHANNELS), 0)
    tensors = (
        Tensor("x", TensorType("int8", shape, x_q)),
        Tensor("weight", type_of(weight, w_q)),
        Tensor("bias", type_of(bias, None)),
        Tensor("y", TensorType("int8", shape, y_q)),
    )
    conv = operator_class("Conv")((1, 1), (1, 1, 1, 1), (1, 1))  # type: ignore[call-arg]  # strides, pads, dilations
    return Program(tensors, (Step(conv, (0, 1, 2), (3,), "wide"),), (0,), (3,))
