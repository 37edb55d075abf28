"""ConvTranspose: strides, pads, output padding and shape, dilations, groups; 1-D to 3-D. LpPool."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, W, B = data(2, 4, 5, 6), data(4, 3, 3, 3), data(3)
OP = "ConvTranspose"

CASES = [
    Case("plain", OP, (X, W, B), {}, (1, 2), int8_sqnr=30),
    Case("no_bias", OP, (X, W), {}, (1,), int8_sqnr=30),
    Case("strides", OP, (X, W, B), {"strides": [2, 3]}, (1, 2), int8_sqnr=30),
    Case("two_by_two", OP, (X, data(4, 3, 2, 2), B), {"strides": [2, 2], "kernel_shape": [2, 2]}, (1, 2), int8_sqnr=30),
    Case("stride_beyond_kernel", OP, (X, data(4, 3, 2, 2), B), {"strides": [3, 3]}, (1, 2), int8_sqnr=30),
    Case("pads", OP, (X, W), {"pads": [1, 0, 2, 1], "strides": [2, 2]}, (1,), int8_sqnr=30),
    Case(
        "output_padding", OP, (X, W), {"strides": [3, 2], "output_padding": [2, 1], "pads": [1] * 4}, (1,), int8_sqnr=30
    ),
    Case("dilations", OP, (X, W), {"dilations": [2, 3]}, (1,), int8_sqnr=30),
    Case(
        "groups",
        OP,
        (X, data(4, 3, 3, 3), data(6)),
        {"group": 2, "strides": [2, 2]},
        (1, 2),
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    Case(
        "depthwise", OP, (X, data(4, 1, 3, 3)), {"group": 4, "pads": [1] * 4}, (1,), judge="onnxruntime", int8_sqnr=30
    ),
    Case(
        "output_shape",
        OP,
        (X, W),
        {"strides": [3, 2], "output_shape": [16, 13]},
        (1,),
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    Case(
        "output_shape_upper",
        OP,
        (X, W),
        {"strides": [3, 2], "output_shape": [14, 12], "auto_pad": "SAME_UPPER"},
        (1,),
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    Case(
        "output_shape_beyond",
        OP,
        (X, W),
        {"strides": [2, 2], "output_shape": [12, 14]},
        (1,),
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    Case("same_upper", OP, (X, W), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, (1,), int8_sqnr=30),
    Case("same_lower", OP, (X, W), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}, (1,), int8_sqnr=30),
    Case("valid", OP, (X, W), {"strides": [2, 2], "auto_pad": "VALID"}, (1,), int8_sqnr=30),
    Case("one_dimension", OP, (X[:, :, 0], data(4, 3, 5), B), {"strides": [2], "pads": [1, 2]}, (1, 2), int8_sqnr=30),
    Case(
        "three_dimensions", OP, (X[:, :, :, :, None], data(4, 2, 3, 2, 2)), {"strides": [1, 2, 2]}, (1,), int8_sqnr=30
    ),
    Case("many_inputs", OP, (data(1, 300, 3, 3), data(300, 2, 3, 3)), {}, (1,), rtol=1e-4, atol=1e-3, int8_sqnr=30),
    Case("at_run_time", OP, (X, W, B)),
    Case("double", OP, (X.astype(np.float64), W.astype(np.float64)), {}, (1,)),
    Case("dynamic_width", OP, (X, W, B), {"strides": [2, 2]}, (1, 2), dynamic=3, int8_sqnr=30),
    Case("plain", "LpPool", (X,), {"kernel_shape": [2, 3]}),
    Case("p_1", "LpPool", (X,), {"kernel_shape": [2, 2], "strides": [2, 2], "p": 1, "pads": [1, 1, 0, 0]}),
    Case(
        "p_3", "LpPool", (X,), {"kernel_shape": [3, 3], "p": 3, "pads": [1] * 4, "strides": [2, 2]}, judge="onnxruntime"
    ),
    Case("dilated", "LpPool", (X,), {"kernel_shape": [2, 2], "dilations": [2, 2]}, opset=18),
    Case(
        "ceil_mode",
        "LpPool",
        (X,),
        {"kernel_shape": [2, 2], "strides": [2, 4], "ceil_mode": 1},
        opset=18,
        judge="onnxruntime",
    ),
    Case("same_upper", "LpPool", (X,), {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}),
]
