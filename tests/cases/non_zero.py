"""NonZero and Compress: of constants and at run time; every rank and dtype, nothing and everything."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

SPARSE = np.float32([[0, 1, 0], [2, 0, -3]])
SOME = np.array([True, False, True])
MANY = np.array([False, True, True, False, True])

CASES = [
    Case("constant", "NonZero", (np.float32([[0, 1], [2, 0]]),), constants=(0,), dynamic=None),
    Case("matrix", "NonZero", (SPARSE,)),
    Case("row", "NonZero", (np.int64([3, 0, 0, 4]),)),
    Case("bool", "NonZero", (data(2, 3, 4) > 0,)),
    Case("nothing", "NonZero", (np.zeros((2, 3), np.float32),)),
    Case("everything", "NonZero", (np.ones((2, 3), np.int32),)),
    Case("opset_9", "NonZero", (SPARSE,), opset=9),
    Case("axis", "Compress", (data(3, 4, 2), SOME), {"axis": 1}, (1,)),
    Case("flat", "Compress", (data(3, 4), MANY), {}, (1,), dynamic=None),
    Case("axis at run time", "Compress", (data(3, 4, 2), SOME), {"axis": 1}),
    Case("last axis at run time", "Compress", (data(3, 4, 5), MANY), {"axis": -1}),
    Case("flat at run time", "Compress", (data(3, 4), MANY), {}),
    Case("integers at run time", "Compress", (np.arange(6).reshape(2, 3), SOME[:2]), {"axis": 0}, batched=()),
    Case("nothing at run time", "Compress", (data(3, 4), np.zeros(3, bool)), {"axis": 0}),
]
