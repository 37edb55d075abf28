"""BitCast between dtypes of one width."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.harness import Case, data

X = data(2, 3)

CASES = [
    Case("float_to_int", "BitCast", (X,), {"to": TensorProto.INT32}, opset=26),
    Case("int_to_float", "BitCast", (X.view(np.int32),), {"to": TensorProto.FLOAT}, opset=26),
    Case("double_to_int", "BitCast", (X.astype(np.float64),), {"to": TensorProto.INT64}, opset=26),
    Case("bytes", "BitCast", (np.int8([[-1, 2, -128]]),), {"to": TensorProto.UINT8}, opset=26),
    Case("bool", "BitCast", (np.array([[True, False]]),), {"to": TensorProto.INT8}, opset=26),
    Case("same", "BitCast", (X,), {"to": TensorProto.FLOAT}, opset=26),
]
