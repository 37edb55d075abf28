"""Clamp, which Relu and Clip become: every bound, either way of giving it, integers."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, INTS = data(2, 3, 20, low=-8, high=8), data(2, 9, low=-9, high=9, dtype="int64")
LOW, HIGH = np.float32(-1.5), np.float32(6)

CASES = [
    Case("relu", "Relu", (X,), int8_sqnr=30),
    Case("relu_integers", "Relu", (INTS.astype(np.int32),), opset=14),
    Case("relu_old", "Relu", (X,), opset=7, int8_sqnr=30),
    Case("attributes", "Clip", (X,), {"min": -1.5, "max": 6.0}, opset=7, int8_sqnr=30),
    Case("attribute_defaults", "Clip", (X,), opset=10),
    Case("inputs", "Clip", (X, LOW, HIGH), constants=(1, 2), int8_sqnr=30),
    Case("low", "Clip", (X, LOW), constants=(1,), opset=11, int8_sqnr=30),
    Case("high", "Clip", (X, None, HIGH), constants=(2,), int8_sqnr=30),
    Case("at_run_time", "Clip", (X, LOW, HIGH)),
    Case("low_at_run_time", "Clip", (X, LOW, HIGH), constants=(2,)),
    Case("high_at_run_time", "Clip", (X, LOW, HIGH), constants=(1,)),
    Case("integers", "Clip", (INTS, np.int64(-2), np.int64(5)), constants=(1, 2)),
    Case("integers_low", "Clip", (INTS, np.int64(-2)), constants=(1,)),
    Case("double", "Clip", (X.astype(np.float64), np.float64(-1), np.float64(1)), constants=(1, 2)),
]
