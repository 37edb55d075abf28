"""Where: all three inputs broadcast."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

CONDITION, X, Y = data(2, 3, 1) > 0, data(2, 3, 4), data(2, 1, 4, seed=1)

CASES = [
    Case("broadcast", "Where", (CONDITION, X, Y), batched=(0, 1, 2)),
    Case("mask", "Where", (CONDITION, X, np.float32(-1e9)), constants=(0, 2), dynamic=None),
    Case("integers", "Where", (CONDITION, np.int64([7]), np.int64([1, 2, 3, 4])), opset=9),
]
