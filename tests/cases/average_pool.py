"""AveragePool: strides, dilations, ceil_mode, padding counted or not; 1-D to 3-D; one window over the whole plane."""

from __future__ import annotations

from typing import Any

from tests.harness import Case, data

X, X1 = data(2, 3, 9, 8), data(2, 4, 15)
K3, K2 = {"kernel_shape": [3, 3]}, {"kernel_shape": [2, 2]}
PADDED: dict[str, Any] = {**K3, "pads": [1, 1, 1, 1], "strides": [2, 2]}

CASES = [
    Case("unit_stride", "AveragePool", (X,), K3, int8_sqnr=30),
    Case("stride_2", "AveragePool", (X,), {**K2, "strides": [2, 2]}, int8_sqnr=30),
    Case("padded", "AveragePool", (X,), PADDED, int8_sqnr=30),
    Case("padding_counts", "AveragePool", (X,), {**PADDED, "count_include_pad": 1}, int8_sqnr=30),
    Case("asymmetric_pads", "AveragePool", (X,), {**K3, "pads": [0, 2, 1, 0], "strides": [1, 3]}, int8_sqnr=30),
    Case("ceil_mode", "AveragePool", (X,), {**K3, "strides": [2, 2], "ceil_mode": 1}, int8_sqnr=30),
    Case(
        "ceil_mode_padding_counts",
        "AveragePool",
        (X,),
        {**PADDED, "ceil_mode": 1, "count_include_pad": 1},
        opset=19,
        int8_sqnr=30,
    ),
    Case("dilated", "AveragePool", (X,), {**K3, "dilations": [2, 3], "pads": [1, 1, 1, 1]}, opset=19, int8_sqnr=30),
    Case("same_upper", "AveragePool", (X,), {**K2, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, int8_sqnr=30),
    Case("same_lower", "AveragePool", (X,), {**K2, "auto_pad": "SAME_LOWER"}, int8_sqnr=30),
    Case("valid", "AveragePool", (X,), {**K3, "auto_pad": "VALID", "strides": [3, 3]}, int8_sqnr=30),
    Case("one_dimension", "AveragePool", (X1,), {"kernel_shape": [5], "strides": [2], "pads": [2, 2]}, int8_sqnr=30),
    Case(
        "three_dimensions",
        "AveragePool",
        (data(1, 2, 5, 6, 4),),
        {"kernel_shape": [2, 3, 2], "pads": [1, 0, 1, 0, 1, 0]},
        int8_sqnr=30,
    ),
    Case("whole_plane", "AveragePool", (X,), {"kernel_shape": [9, 8], "strides": [9, 8]}, int8_sqnr=30),
    Case("double", "AveragePool", (data(1, 2, 4, 4, dtype="float64"),), {**K2, "pads": [1, 1, 0, 0]}),
    Case("opset_7", "AveragePool", (X,), K3, opset=7, int8_sqnr=30),
    Case("opset_22", "AveragePool", (X,), K3, opset=22, int8_sqnr=30),
]
