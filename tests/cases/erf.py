"""Erf and Gelu, over all pieces of their approximations."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

WIDE = np.concatenate([np.linspace(-7, 7, 400), [0.5, -0.5, 4, -4, 30, -30, 1e-6, 0]]).reshape(2, 12, 17)
X, DOUBLE = WIDE.astype(np.float32), WIDE.astype(np.float64)

CASES = [
    Case("wide", "Erf", (X,), atol=1e-7, rtol=1e-6, int8_sqnr=30),
    Case("double", "Erf", (DOUBLE,), atol=1e-7, rtol=1e-7),  # the reference evaluator's own is float32
    *(
        Case(name, "Gelu", (x,), {"approximate": mode}, opset=20, atol=1e-6, int8_sqnr=sqnr)
        for mode in ("none", "tanh")
        for name, x, sqnr in ((f"{mode}_wide", X, 25), (f"{mode}_double", DOUBLE, None))
    ),
    Case("default", "Gelu", (data(2, 3, 8),), opset=20, int8_sqnr=30),
    Case("microsoft", "Gelu", (data(2, 3, 8),), domain="com.microsoft", judge="onnxruntime", int8_sqnr=30),
    Case("microsoft", "FastGelu", (data(2, 3, 8),), domain="com.microsoft", judge="onnxruntime", int8_sqnr=30),
    Case("bias", "FastGelu", (data(2, 3, 8), data(8)), {}, (1,), domain="com.microsoft", judge="onnxruntime"),
]
