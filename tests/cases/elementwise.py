"""Functions of one input that are one NumPy function; in int8 a table each."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, SMALL, POSITIVE = data(2, 3, 4, 5), data(2, 3, 8, low=-0.9, high=0.9), data(2, 3, 8, low=0.3, high=4)
INTS = data(2, 6, low=-9, high=9, dtype="int64")
RANGES = {
    **dict.fromkeys(("Acos", "Asin", "Atanh", "Tan"), SMALL),
    **dict.fromkeys(("Log", "Reciprocal", "Sqrt"), POSITIVE),
    "Acosh": POSITIVE + 1,
}
SMOOTH = ("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Exp", "Log", "Neg", "Reciprocal")
SMOOTH += ("Sin", "Sinh", "Sqrt", "Tan", "Tanh")
HALVES = np.float32([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.2, -0.0]])

CASES = [
    *(Case("plain", op, (RANGES.get(op, X),), opset=20, int8_sqnr=30) for op in SMOOTH),
    *(Case("steps", op, (X,), opset=20, int8_sqnr=10) for op in ("Ceil", "Floor", "Round", "Sign")),
    *(Case("halves", op, (HALVES,), opset=20) for op in ("Ceil", "Floor", "Round", "Sign", "Abs", "Neg")),
    *(Case("double", op, (POSITIVE.astype(np.float64) + 1,), opset=20) for op in ("Exp", "Sqrt", "Tanh", "Floor")),
    *(Case("integers", op, (INTS,), opset=20) for op in ("Abs", "Neg", "Sign")),
    *(Case("old", op, (POSITIVE,), opset=7, int8_sqnr=30) for op in ("Exp", "Log", "Sqrt", "Tanh", "Neg", "Cos")),
]
