"""Concat: every axis, equal and different scales, constants, integers, one input."""

from __future__ import annotations

from tests.harness import Case, data

X, Y = data(2, 3, 4), data(2, 3, 4, seed=1)
INTS = data(2, 3, low=-9, high=9, dtype="int64")

CASES = [
    Case("axis_0", "Concat", (X, Y[:1]), {"axis": 0}, dynamic=None, int8_sqnr=30),
    Case("axis_1", "Concat", (X, 0.3 * Y[:, :2]), {"axis": 1}, batched=(0, 1), int8_sqnr=25),
    Case("last_axis", "Concat", (X, 0.3 * Y), {"axis": -1}, batched=(0, 1), int8_sqnr=25),
    Case("same_scale", "Concat", (X, X), {"axis": 1}, batched=(0, 1), int8_sqnr=30),
    Case("batch_1", "Concat", (X[:1], 0.3 * Y[:1]), {"axis": 1}, batched=(0, 1), int8_sqnr=25),
    Case("constant", "Concat", (X, 0.1 * Y), {"axis": 1}, constants=(1,), dynamic=None, int8_sqnr=25),
    Case("three", "Concat", (X, Y, X[:, :1]), {"axis": 1}, batched=(0, 1, 2), int8_sqnr=30),
    Case("one", "Concat", (X,), {"axis": 1}),
    Case("integers", "Concat", (INTS, INTS[:, :1]), {"axis": 1}, batched=(0, 1)),
    Case("opset_7", "Concat", (X, Y), {"axis": 2}, opset=7, batched=(0, 1), int8_sqnr=30),
]
