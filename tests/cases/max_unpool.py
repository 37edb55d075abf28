"""MaxPool with places, and MaxUnpool."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 6, 7)
TIES = np.round(X)
K2 = {"kernel_shape": [2, 2], "strides": [2, 2]}
PLACES = np.int64([[[[0, 3], [9, 14]], [[16, 19], [25, 30]]]])
LARGE = np.int64([1, 1, 5, 6])
TORCH = "onnxruntime"  # the reference evaluator takes padding for an element where all are equal

CASES = [
    Case("indices", "MaxPool", (X,), K2, outputs=2),
    Case("indices_ties", "MaxPool", (TIES,), K2, outputs=2, judge=TORCH),
    Case("indices_pads", "MaxPool", (X,), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, outputs=2, judge=TORCH),
    Case("indices_column_major", "MaxPool", (X,), {**K2, "storage_order": 1}, outputs=2, judge=TORCH),
    Case("indices_dilated", "MaxPool", (X,), {"kernel_shape": [2, 3], "dilations": [2, 2]}, outputs=2, judge=TORCH),
    Case("indices_ceil", "MaxPool", (X,), {**K2, "ceil_mode": 1}, outputs=2, judge=TORCH),
    Case("indices_row", "MaxPool", (data(2, 3, 9),), {"kernel_shape": [3]}, outputs=2, judge=TORCH),
    Case("indices_volume", "MaxPool", (data(1, 2, 4, 5, 3),), {"kernel_shape": [2, 2, 2]}, outputs=2, judge=TORCH),
    Case("plain", "MaxUnpool", (data(1, 2, 2, 2), PLACES), K2, dynamic=None, opset=11),
    Case("larger", "MaxUnpool", (data(1, 1, 2, 2), PLACES[:, :1], LARGE), K2, (2,), opset=11, dynamic=None),
]
