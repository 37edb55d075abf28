"""Identity, Dropout at inference, Constant."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3)

CASES = [
    Case("plain", "Identity", (X,)),
    Case("attribute", "Dropout", (X,), {"ratio": 0.4}, opset=7),
    Case("inputs", "Dropout", (X, np.float32(0.4), np.bool_(False)), constants=(1, 2), opset=13),
    Case("seed", "Dropout", (X,), {"seed": 3}, opset=12),
    Case("tensor", "Constant", (), {"value": X}),
    Case("float", "Constant", (), {"value_float": 1.5}),
    Case("floats", "Constant", (), {"value_floats": [1.5, 2.5]}),
    Case("int", "Constant", (), {"value_int": 3}),
    Case("ints", "Constant", (), {"value_ints": [3, 4]}),
    Case("mask", "Dropout", (data(2, 3),), outputs=2),
    Case("ratio_0", "Dropout", (data(2, 3), np.float32(0), np.array(True)), {}, (1, 2), outputs=2),
]
