"""Softmax and LogSoftmax: every axis, and the flattened form before opset 13."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 5, 6, low=-6, high=6)

CASES = [
    Case("default_axis", "Softmax", (X,), int8_sqnr=25),
    Case("axis_1", "Softmax", (X,), {"axis": 1}, int8_sqnr=25),
    Case("axis_0", "Softmax", (X,), {"axis": 0}, int8_sqnr=25, dynamic=None),
    Case("large_values", "Softmax", (data(3, 10, low=900, high=1000),), int8_sqnr=20),
    Case("one_element", "Softmax", (X[:, :, :1],), int8_sqnr=40),
    Case("double", "Softmax", (X.astype(np.float64),)),
    Case("flattened", "Softmax", (X,), {"axis": 1}, opset=12, int8_sqnr=25, judge="onnxruntime"),
    Case("flattened_default", "Softmax", (X,), opset=11, int8_sqnr=25, judge="onnxruntime"),
    Case("flattened_last", "Softmax", (X,), {"axis": -1}, opset=11, int8_sqnr=25),
    Case("flattened_all", "Softmax", (X,), {"axis": 0}, opset=7, dynamic=None, int8_sqnr=20, judge="onnxruntime"),
    Case("default_axis", "LogSoftmax", (X,)),
    Case("axis_0", "LogSoftmax", (X,), {"axis": 0}, dynamic=None),
    Case("large_values", "LogSoftmax", (data(3, 10, low=900, high=1000),)),
    Case("flat", "LogSoftmax", (X,), {"axis": 1}, opset=12, judge="onnxruntime"),
]
