"""Sigmoid, Swish, HardSigmoid, HardSwish, with their attributes and at large magnitudes."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 40, low=-8, high=8)
LARGE = np.float32([[-1000, -100, -20, 0, 20, 100, 1000]])

CASES = [
    Case("plain", "Sigmoid", (X,), int8_sqnr=30),
    Case("large", "Sigmoid", (LARGE,)),
    Case("double", "Sigmoid", (X.astype(np.float64),)),
    Case("plain", "Swish", (X,), opset=24, int8_sqnr=30),
    Case("alpha", "Swish", (X,), {"alpha": 1.7}, opset=24, int8_sqnr=30),
    Case("quick", "QuickGelu", (X,), domain="com.microsoft", judge="onnxruntime", int8_sqnr=30),
    Case("plain", "HardSigmoid", (X,), int8_sqnr=30),
    Case("attributes", "HardSigmoid", (X,), {"alpha": 1 / 6, "beta": 0.4}, int8_sqnr=30),
    Case("plain", "HardSwish", (X,), int8_sqnr=30),
    Case("double", "HardSwish", (X.astype(np.float64),), opset=14),
]
