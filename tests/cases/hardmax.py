"""Hardmax: axes, ties, old opsets."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(3, 4, 5)
TIES = np.float32([[1, 3, 3], [2, 2, 2]])

CASES = [
    Case("last_axis", "Hardmax", (X,)),
    Case("nothing", "Hardmax", (X[:0],), dynamic=None),
    Case("axis", "Hardmax", (X,), {"axis": 1}),
    Case("negative_axis", "Hardmax", (X,), {"axis": -3}),
    Case("ties", "Hardmax", (TIES,)),
    Case("flattened", "Hardmax", (X,), {"axis": 1}, opset=11, judge="onnxruntime"),
    Case("flattened_fixed", "Hardmax", (X,), {"axis": 2}, opset=11, dynamic=None, judge="onnxruntime"),
]
