"""ReverseSequence: both orders of the axes."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(4, 3, 2)

CASES = [
    Case("time_first", "ReverseSequence", (X, np.int64([4, 1, 2])), constants=(1,), dynamic=None),
    Case(
        "batch_first",
        "ReverseSequence",
        (X, np.int64([3, 1, 2, 0])),
        {"batch_axis": 0, "time_axis": 1},
        opset=10,
        batched=(0, 1),
    ),
]
