"""TensorScatter: axes, both modes, places given or not."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

CACHE, UPDATE = data(2, 3, 6, 4), data(2, 3, 2, 4, seed=1)
PLACES = np.int64([3, 0])

CASES = [
    Case("linear", "TensorScatter", (CACHE, UPDATE, PLACES), opset=24, dynamic=None),
    Case("circular", "TensorScatter", (CACHE, UPDATE, PLACES + 2), {"mode": "circular"}, opset=24, dynamic=None),
    Case("first", "TensorScatter", (CACHE, UPDATE), opset=24, dynamic=None),
    Case("axis", "TensorScatter", (CACHE, data(2, 1, 6, 4), np.int64([2, 0])), {"axis": 1}, opset=24, dynamic=None),
    Case("dynamic", "TensorScatter", (CACHE, UPDATE, PLACES), batched=(0, 1, 2), opset=24),
]
