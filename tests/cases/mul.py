"""Mul, Div, Mean: broadcasting, constants, integers, division by zero."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, Y = data(2, 3, 4, 5), data(2, 3, 4, 5, seed=1, low=1, high=3)
CHANNELS = data(3, 1, 1, low=0.5)
INTS, DIVISORS = data(4, 5, low=-90, high=90, dtype="int64"), np.array([-7, -2, 1, 3, 5])
BOTH = ("Mul", "Div")

CASES = [
    *(Case("same_shape", op, (X, Y), batched=(0, 1), int8_sqnr=30) for op in BOTH),
    *(Case("constant_channels", op, (X, CHANNELS), constants=(1,), int8_sqnr=30) for op in BOTH),
    *(Case("constant_first", op, (CHANNELS, Y), constants=(0,), dynamic=None, int8_sqnr=30) for op in BOTH),
    *(Case("constant_scalar", op, (X, np.float32(-0.25)), constants=(1,), int8_sqnr=30) for op in BOTH),
    *(Case("both_broadcast", op, (X[:, :, :1], Y[:1, :, :, :1]), int8_sqnr=30) for op in BOTH),
    *(Case("squeeze_excite", op, (X, Y[:, :, :1, :1]), batched=(0, 1), int8_sqnr=30) for op in BOTH),
    *(Case("integers", op, (INTS, DIVISORS)) for op in BOTH),
    *(Case("int32", op, (INTS.astype(np.int32), DIVISORS.astype(np.int32))) for op in BOTH),
    *(Case("double", op, (X.astype(np.float64), Y.astype(np.float64)), batched=(0, 1)) for op in BOTH),
    Case("integers_by_constant", "Div", (INTS, np.array([4])), constants=(1,), judge="onnxruntime"),
    Case("unsigned", "Div", (np.uint8([[7, 200]]), np.uint8([2, 9]))),
    Case("by_zero", "Div", (np.float32([[1, -1, 0, 3]]), np.float32([0, 0, 0, 2]))),
    Case("three", "Mean", (X, Y, CHANNELS), batched=(0, 1), int8_sqnr=30),
    Case("one", "Mean", (X,)),
]
