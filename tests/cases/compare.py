"""The five relations, on floats and integers, with broadcasting; Equal on bool, too."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

INTS = data(3, 4, low=-3, high=3, dtype="int64")
X = INTS.astype(np.float32)
ALL = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")

CASES = [
    *(Case("floats", op, (X, X[:1]), opset=17) for op in ALL),
    *(Case("integers", op, (INTS, np.int64(1)), constants=(1,), opset=17) for op in ALL),
    *(Case("old", op, (X, X[0]), opset=9) for op in ("Equal", "Less", "Greater")),
    Case("bool", "Equal", (X > 0, X < 1), batched=(0, 1)),
]
