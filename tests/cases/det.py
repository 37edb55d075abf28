"""Det of one matrix and of stacks."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

CASES = [
    Case("matrix", "Det", (data(4, 4),), opset=11, dynamic=None),
    Case("stack", "Det", (data(3, 2, 3, 3),), opset=22),
    Case("double", "Det", (data(3, 2, 2).astype(np.float64),), opset=22),
]
