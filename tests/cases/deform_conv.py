"""DeformConv: groups, offset groups, mask, bias, strides, pads, dilations."""

from __future__ import annotations

from tests.harness import Case, data

X, W = data(1, 4, 6, 7), data(2, 4, 3, 3, seed=1)
OFFSET, BIAS, MASK = data(1, 18, 4, 5, seed=2), data(2, seed=3), data(1, 9, 4, 5, seed=4, low=0)
TORCH = "onnxruntime"  # the reference evaluator knows neither strides nor groups

CASES = [
    Case("plain", "DeformConv", (X, W, OFFSET), {}, (1,), opset=19, dynamic=None),
    Case("mask_and_bias", "DeformConv", (X, W, OFFSET, BIAS, MASK), {}, (1, 3), opset=19, dynamic=None),
    Case("mask", "DeformConv", (X, W, OFFSET, None, MASK), {}, (1,), opset=22, dynamic=None),
    Case("pads", "DeformConv", (X, W, data(1, 18, 6, 7)), {"pads": [1, 1, 1, 1]}, (1,), opset=19, dynamic=None),
    Case("offset_groups", "DeformConv", (X, W, data(1, 36, 4, 5)), {"offset_group": 2}, (1,), opset=19, dynamic=None),
    Case(
        "strides_dilations_groups",
        "DeformConv",
        (X, data(4, 2, 2, 2), data(1, 8, 3, 3)),
        {"strides": [2, 2], "dilations": [1, 2], "group": 2, "kernel_shape": [2, 2]},
        (1,),
        opset=19,
        dynamic=None,
        judge=TORCH,
    ),
]
