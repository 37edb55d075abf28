"""MaxPool: strides, dilations, ceil_mode, padding in every form; 1-D to 3-D; integers."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, X1 = data(2, 3, 9, 8), data(2, 4, 15)
K3, K2 = {"kernel_shape": [3, 3]}, {"kernel_shape": [2, 2]}

CASES = [
    Case("unit_stride", "MaxPool", (X,), K3, int8_sqnr=40),
    Case("stride_2", "MaxPool", (X,), {**K2, "strides": [2, 2]}, int8_sqnr=40),
    Case("padded", "MaxPool", (X,), {**K3, "pads": [1, 1, 1, 1], "strides": [2, 2]}, int8_sqnr=40),
    Case(
        "negative_values", "MaxPool", (data(2, 3, 5, 5, low=-3, high=-1),), {**K3, "pads": [2, 2, 2, 2]}, int8_sqnr=40
    ),
    Case("asymmetric_pads", "MaxPool", (X,), {**K3, "pads": [0, 2, 1, 0], "strides": [1, 3]}, int8_sqnr=40),
    Case("ceil_mode", "MaxPool", (X,), {**K3, "strides": [2, 2], "ceil_mode": 1}, int8_sqnr=40),
    Case(
        "ceil_mode_drops_window",
        "MaxPool",
        (data(1, 1, 2, 2),),
        {"kernel_shape": [1, 1], "strides": [2, 2], "ceil_mode": 1},
        int8_sqnr=40,
    ),
    Case("dilated", "MaxPool", (X,), {**K3, "dilations": [2, 3], "pads": [1, 1, 1, 1]}, int8_sqnr=40),
    Case("same_upper", "MaxPool", (X,), {**K2, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, int8_sqnr=40),
    Case("same_lower", "MaxPool", (X,), {**K2, "auto_pad": "SAME_LOWER"}, int8_sqnr=40, judge="onnxruntime"),
    Case("valid", "MaxPool", (X,), {**K3, "auto_pad": "VALID", "strides": [3, 3]}, int8_sqnr=40),
    Case("one_dimension", "MaxPool", (X1,), {"kernel_shape": [5], "strides": [2], "pads": [2, 2]}, int8_sqnr=40),
    Case(
        "three_dimensions",
        "MaxPool",
        (data(1, 2, 5, 6, 4),),
        {"kernel_shape": [2, 3, 2], "pads": [1, 0, 1, 0, 1, 0]},
        int8_sqnr=40,
        judge="onnxruntime",
    ),
    Case(
        "uint8",
        "MaxPool",
        (np.arange(32, dtype=np.uint8).reshape(1, 2, 4, 4),),
        {**K2, "pads": [1, 1, 0, 0]},
        judge="onnxruntime",
    ),
    Case("double", "MaxPool", (data(1, 2, 4, 4, dtype="float64"),), {**K2, "pads": [1, 1, 0, 0]}, judge="onnxruntime"),
    Case("opset_8", "MaxPool", (X,), K3, opset=8, int8_sqnr=40),
    Case("opset_12", "MaxPool", (X,), {**K3, "storage_order": 1}, opset=12, int8_sqnr=40),
    Case("opset_22", "MaxPool", (X,), K3, opset=22, int8_sqnr=40),
]
