"""QuantizeLinear and DequantizeLinear, which float operators stand in for."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.harness import Case, data

X = data(2, 3, 4, low=-9, high=9)
SCALE, SCALES = np.float32(0.05), np.float32([0.05, 0.02, 0.07])
Q = data(2, 3, 4, low=-99, high=99, dtype="int8")

BLOCKS = data(3, 8)
INT8 = np.arange(-8, 8, dtype=np.int8).reshape(2, 8)

CASES = [
    Case("per_tensor", "QuantizeLinear", (X, SCALE, np.int8(3)), constants=(1, 2)),
    Case("per_channel", "QuantizeLinear", (X, SCALES, np.uint8([0, 9, 200])), {"axis": -2}, constants=(1, 2)),
    Case("no_zero_point", "QuantizeLinear", (X, SCALE), constants=(1,)),
    Case("int16", "QuantizeLinear", (X, SCALE), {"output_dtype": TensorProto.INT16}, constants=(1,), opset=21),
    Case("at_run_time", "QuantizeLinear", (X, SCALES, np.int8([1, 2, 3])), {"axis": 1}),
    Case("one_scale", "QuantizeLinear", (X, SCALES[:1], np.int8([1])), {"axis": 1}, opset=10),
    Case("per_tensor", "DequantizeLinear", (Q, SCALE, np.int8(3)), constants=(1, 2), opset=21),
    Case("per_channel", "DequantizeLinear", (Q, SCALES, np.int8([1, 2, 3])), {"axis": 1}, constants=(1, 2), opset=21),
    Case(
        "weights", "DequantizeLinear", (Q, SCALES, np.int8([1, 2, 3])), {"axis": 1}, (0, 1, 2), dynamic=None, opset=21
    ),
    Case("bias", "DequantizeLinear", (np.int32([70000, -3, 9]), SCALES), {"axis": 0}, (0, 1), dynamic=None, opset=21),
    Case("at_run_time", "DequantizeLinear", (Q, SCALES, np.int8([1, 2, 3])), {"axis": 1}, opset=21),
    Case("no_zero_point", "DequantizeLinear", (Q, SCALE), opset=21),
    Case("opset_10", "DequantizeLinear", (Q, SCALE, np.int8(0)), constants=(1, 2), opset=10, judge="onnxruntime"),
    Case(
        "blocks",
        "QuantizeLinear",
        (BLOCKS, data(3, 2, low=0.1), np.uint8([[1, 2]] * 3)),
        {"block_size": 4},
        dynamic=None,
        opset=21,
    ),
    Case(
        "blocks_of_8_bits",
        "QuantizeLinear",
        (BLOCKS, data(3, 2, low=0.1)),
        {"block_size": 4},
        (1,),
        dynamic=None,
        opset=21,
    ),
    Case(
        "blocks",
        "DequantizeLinear",
        (INT8, data(1, 8), np.int8([[3] * 8])),
        {"axis": 0, "block_size": 2},
        dynamic=None,
        opset=21,
    ),
    Case("blocks_known", "DequantizeLinear", (INT8, data(2, 4)), {"block_size": 2}, (1,), dynamic=None, opset=21),
]
