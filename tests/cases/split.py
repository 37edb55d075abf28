"""Split: sizes by attribute, by input, equal, and equal but for the last."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 6, 5)

CASES = [
    Case("attribute", "Split", (X,), {"axis": 1, "split": [1, 2, 3]}, outputs=3, opset=11, int8_sqnr=30),
    Case("attribute_equal", "Split", (X,), {"axis": -2}, outputs=3, opset=11, int8_sqnr=30),
    Case("opset_7", "Split", (X,), {"axis": 2, "split": [4, 1]}, outputs=2, opset=7, int8_sqnr=30),
    Case("input", "Split", (X, np.int64([5, 1])), {"axis": 1}, constants=(1,), outputs=2, int8_sqnr=30),
    Case("input_equal", "Split", (X,), {"axis": -2}, outputs=2, int8_sqnr=30),
    Case("default_axis", "Split", (X,), outputs=2, dynamic=None, int8_sqnr=30),
    Case("num_outputs", "Split", (X,), {"axis": 1, "num_outputs": 2}, outputs=2, opset=18, int8_sqnr=30),
    Case("smaller_last", "Split", (X,), {"axis": 1, "num_outputs": 4}, outputs=4, opset=18, judge="onnxruntime"),
    Case("empty_part", "Split", (X, np.int64([0, 6])), {"axis": 1}, constants=(1,), outputs=2),
    Case("integers", "Split", (X.astype(np.int64),), {"axis": 1}, outputs=2),
]
