"""Transpose: every kind of permutation."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 4, 5)

CASES = [
    Case("to_channels_last", "Transpose", (X,), {"perm": [0, 2, 3, 1]}, int8_sqnr=30),
    Case("batch_moved", "Transpose", (X,), {"perm": [1, 0, 3, 2]}, int8_sqnr=30),
    Case("reversed", "Transpose", (X,), int8_sqnr=30),
    Case("identity", "Transpose", (X,), {"perm": [0, 1, 2, 3]}),
    Case("integers", "Transpose", (X.astype(np.int64),), {"perm": [0, 1, 3, 2]}),
    Case("scalar", "Transpose", (np.float32(3),), dynamic=None),
]
