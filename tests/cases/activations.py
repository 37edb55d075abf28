"""The rarer activation functions, with their attributes."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 40, low=-4, high=4)
INTS = data(2, 6, low=-9, high=9, dtype="int32")

CASES = [
    *(
        Case("plain", op, (X,), opset=18, int8_sqnr=30)
        for op in ("Elu", "Selu", "Celu", "Softplus", "Softsign", "Mish")
    ),
    *(Case("plain", op, (X,), opset=18, int8_sqnr=20) for op in ("LeakyRelu", "ThresholdedRelu", "Shrink")),
    *(Case("alpha", op, (X,), {"alpha": 0.3}, int8_sqnr=20) for op in ("Elu", "Celu", "LeakyRelu", "ThresholdedRelu")),
    *(Case("double", op, (X.astype(np.float64),)) for op in ("Elu", "LeakyRelu", "Softplus", "Shrink")),
    Case("steep", "LeakyRelu", (X,), {"alpha": 1.5}, int8_sqnr=30),
    Case("attributes", "Selu", (X,), {"alpha": 1.2, "gamma": 0.8}, int8_sqnr=30),
    Case("attributes", "Shrink", (X,), {"bias": 0.5, "lambd": 1.0}, int8_sqnr=20),
    Case("integers", "Shrink", (INTS,), {"lambd": 2.0}),
    Case("large", "Softplus", (np.float32([[-1000, -90, 0, 90, 1000]]),)),
    Case("large", "Mish", (np.float32([[-1000, -90, 0, 90, 1000]]),), opset=18),
]
