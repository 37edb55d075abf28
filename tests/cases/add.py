"""Add, Sub, Max, Min: broadcasting either way, constants on either side, integers, any number of inputs."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, Y = data(2, 3, 4, 5), data(2, 3, 4, 5, seed=1)
CHANNELS, INTS = data(3, 1, 1), data(2, 3, low=-9, high=9, dtype="int64")
ALL = [f"{op}" for op in ("Add", "Sub", "Max", "Min")]

CASES = [
    *(Case("same_shape", op, (X, Y), batched=(0, 1), int8_sqnr=30) for op in ALL),
    *(Case("constant_channels", op, (X, CHANNELS), constants=(1,), int8_sqnr=30) for op in ALL),
    *(Case("constant_first", op, (CHANNELS, X), constants=(0,), dynamic=None, int8_sqnr=30) for op in ALL),
    *(Case("constant_scalar", op, (X, np.float32(0.25)), constants=(1,), int8_sqnr=30) for op in ALL),
    *(Case("both_broadcast", op, (X[:, :, :1], Y[:1, :, :, :1]), int8_sqnr=30) for op in ALL),
    *(Case("lower_rank", op, (X, Y[0, 0]), int8_sqnr=30) for op in ALL),
    *(Case("scales_apart", op, (X, 0.01 * Y), batched=(0, 1), int8_sqnr=30) for op in ALL),
    *(Case("integers", op, (INTS, INTS[:1] + 1)) for op in ALL),
    *(Case("double", op, (X.astype(np.float64), Y.astype(np.float64)), batched=(0, 1)) for op in ALL),
    *(Case("three", op, (X, Y, CHANNELS), batched=(0, 1), int8_sqnr=25) for op in ("Max", "Min", "Sum")),
    *(Case("one", op, (X,)) for op in ("Max", "Min", "Sum")),
    *(Case("scalar_first", op, (np.float32([0.5]), X), constants=(0,), dynamic=None) for op in ("Max", "Min")),
    *(Case("scalar_of_higher_rank", op, (X[0, 0], CHANNELS[:1, None]), constants=(1,)) for op in ("Max", "Min")),
    *(Case("scalar_infinite", op, (X, np.float32(np.inf)), constants=(1,)) for op in ("Max", "Min")),
]
