"""Pow and Mod: constant and variable exponents, mixed dtypes, signs of remainders."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, POSITIVE = data(2, 3, 20), data(2, 3, 20, low=0.1, high=2)
INTS, DIVISORS = data(2, 8, low=-20, high=20, dtype="int64"), np.array([[-7, 3, 5, -2, 7, 4, -3, 9]])

CASES = [
    *(
        Case(f"exponent_{exponent}", "Pow", (x, np.float32(exponent)), constants=(1,), int8_sqnr=30)
        for x, exponent in ((X, 2), (X, 3), (POSITIVE, 0.5), (POSITIVE, -1.5))
    ),
    Case("exponents", "Pow", (POSITIVE, data(20))),
    Case("constant_exponents", "Pow", (POSITIVE, data(20)), constants=(1,)),
    Case("square_broadcast", "Pow", (X[:, :1, :1], np.full((1, 3, 1), 2, "float32")), constants=(1,)),
    Case("square_higher_rank", "Pow", (X[0, 0], np.full((1, 1), 2, "float32")), constants=(1,), dynamic=None),
    Case("constant_base", "Pow", (np.float32(2), X), constants=(0,), dynamic=None, int8_sqnr=30),
    Case("integer_exponent", "Pow", (X, np.int64(2)), constants=(1,), int8_sqnr=30),
    Case("integers", "Pow", (INTS, np.int64(3)), constants=(1,)),
    Case("integer_base", "Pow", (INTS, np.float32(2)), constants=(1,)),
    Case("negative_exponent", "Pow", (np.array([[-1, 1, 2]]), np.int64([-1])), constants=(1,), judge="onnxruntime"),
    Case("double", "Pow", (POSITIVE.astype(np.float64), np.float64(1.5)), constants=(1,)),
    Case("opset_7", "Pow", (X, np.float32(2)), constants=(1,), opset=7, int8_sqnr=30),
    Case("floor", "Mod", (INTS, DIVISORS)),
    Case("fmod", "Mod", (INTS, DIVISORS), {"fmod": 1}),
    Case("fmod_float", "Mod", (X, np.float32(0.7)), {"fmod": 1}, constants=(1,), int8_sqnr=5),
]
