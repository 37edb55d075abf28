"""QLinear operators and products of integers. ONNX Runtime judges its own. Scales are such that no sum is a tie."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

U, S = np.uint8, np.int8
X = data(2, 4, 6, 6, low=0, high=255, dtype="uint8")
Y = data(2, 4, 6, 6, low=0, high=255, dtype="uint8", seed=1)
A, B = data(3, 8, low=-99, high=99, dtype="int8"), data(8, 5, low=-99, high=99, dtype="int8")
SMALL = data(8, 5, low=-60, high=60, dtype="int8")  # ONNX Runtime saturates sums of two products at 16 bits
WIDE = data(6, 500, low=-127, high=127, dtype="int8")
W = data(6, 2, 3, 3, low=-127, high=127, dtype="int8")
BIAS = data(6, low=-9000, high=9000, dtype="int32")
COLUMNS = data(5, low=0.01, high=0.05)
XQ, YQ = (np.float32(0.031416), U(121)), (np.float32(0.021718), U(3))
AQ, BQ = (np.float32(0.031416), S(-4)), (np.float32(0.021718), S(7))
OUT, SIGNED = (np.float32(0.041421), U(100)), (np.float32(0.11447), S(-9))
MS = "com.microsoft"


def microsoft(name: str, op_type: str, *inputs: object, atol: float = 3e-5, **attributes: object) -> Case:
    """A case of ONNX Runtime's operator; parameters, from the second input on, are constants."""
    arrays = [None if x is None else np.asarray(x) for x in inputs]
    constants = [i for i, x in enumerate(arrays) if x is not None and x.size < 30]
    dynamic = {"dynamic": None, "atol": atol, "judge": "onnxruntime", "domain": MS}
    return Case(name, op_type, arrays, attributes, constants, **dynamic)  # type: ignore[arg-type]


CASES = [
    Case("groups", "QLinearConv", (X, *XQ, W, np.float32(0.010171), S(0), *OUT), {"group": 2}, range(1, 8), opset=10),
    Case(
        "bias_per_channel",
        "QLinearConv",
        (X, *XQ, W, data(6, low=0.01, high=0.02), np.zeros(6, S), *OUT, BIAS),
        {"group": 2, "pads": [1, 1, 1, 1], "strides": [2, 2]},
        range(1, 9),
        opset=10,
    ),
    Case("square", "QLinearMatMul", (A, *AQ, B, *BQ, *SIGNED), constants=range(1, 8), opset=21),
    Case("at_run_time", "QLinearMatMul", (A, *AQ, B, *BQ, *SIGNED), dynamic=None, opset=21),
    Case("columns", "QLinearMatMul", (A, *AQ, B, COLUMNS, np.zeros(5, S), *SIGNED), constants=range(1, 8), opset=21),
    Case("plain", "MatMulInteger", (A, B), constants=(1,)),
    Case("zero_points", "MatMulInteger", (A, B, S(3), np.int8([1, 2, 3, 4, 5])), constants=(1, 2, 3)),
    Case("at_run_time", "MatMulInteger", (A, B, S(3), S(-7)), dynamic=None),
    Case("above_float32", "MatMulInteger", (WIDE, np.full((500, 2), 127, S)), constants=(1,)),
    Case("plain", "ConvInteger", (X, W), {"group": 2}, constants=(1,)),
    Case("zero_points", "ConvInteger", (X, W, U(121), S(3)), {"group": 2, "pads": [1] * 4}, constants=(1, 2, 3)),
    Case("range", "DynamicQuantizeLinear", (data(3, 4),), outputs=3, opset=11),
    Case("nothing", "DynamicQuantizeLinear", (np.zeros((3, 4), np.float32),), outputs=3, opset=11),
    microsoft("uint8", "QLinearAdd", X, *XQ, Y, *YQ, *OUT),
    microsoft("uint8", "QLinearMul", X, *XQ, Y, *YQ, np.float32(0.10123), U(90)),
    microsoft("uint8", "QLinearSigmoid", X, *XQ, np.float32(1 / 256), U(0)),
    microsoft("uint8", "QLinearLeakyRelu", X, *XQ, *OUT, alpha=0.2),
    microsoft("new", "QLinearSoftmax", X, *XQ, np.float32(1 / 256), U(0), axis=1, opset=13, atol=1),
    microsoft("old", "QLinearSoftmax", X, *XQ, np.float32(1 / 256), U(0), axis=1, opset=11, atol=1),
    microsoft("three", "QLinearConcat", *OUT, X, *XQ, Y, *YQ, X, *OUT, axis=1),
    microsoft("windows", "QLinearAveragePool", X, *XQ, *OUT, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    microsoft("last", "QLinearAveragePool", X, *XQ, *OUT, kernel_shape=[2, 2], channels_last=1),
    microsoft("plane", "QLinearGlobalAveragePool", X, *XQ, *OUT),
    microsoft("last", "QLinearGlobalAveragePool", X, *XQ, *OUT, channels_last=1),
    microsoft("transposed", "QGemm", A, *AQ, B.T.copy(), *BQ, BIAS[:5], *SIGNED, transB=1),
    microsoft("real", "QGemm", A, *AQ, B, COLUMNS, np.zeros(5, S), None, None, None, alpha=1.0, atol=1e-4),
    microsoft("bias", "MatMulIntegerToFloat", A, B, AQ[0], BQ[0], AQ[1], BQ[1], data(5), atol=1e-4),
    microsoft("bias", "DynamicQuantizeMatMul", data(3, 8), SMALL, BQ[0], BQ[1], data(5), atol=1e-4),
    microsoft("columns", "DynamicQuantizeMatMul", data(3, 8), SMALL, COLUMNS, np.zeros(5, S), atol=1e-4),
]
