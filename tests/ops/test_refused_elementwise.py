"""Nodes that are valid ONNX, or nearly, and that edgeconv refuses with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from edgeconv.errors import EdgeconvError
from edgeconv.importer import load_onnx
from tests.harness import Case, data, model_of

X, INTS = data(2, 3, 4), np.int64([[1, 2]])
SCALE = np.float32(0.1)

REFUSED = {
    "two matrices": Case("", "Gemm", (X, data(4, 5)), constants=(1,)),
    "batch dimensions": Case("", "FusedMatMul", (X, X), {"transBatchA": 1}, domain="com.microsoft"),
    "neither LEFT nor RIGHT": Case("", "BitShift", (np.uint8([1]), np.uint8([1])), {"direction": "UP"}),
    "two entries for each": Case("", "Pad", (X, np.int64([1, 1])), constants=(1,)),
    "element type": Case("", "Cast", (X,), {"to": TensorProto.STRING}),
    "has blocks along": Case(
        "", "DequantizeLinear", (X.astype(np.int8), X[:1]), {"block_size": 2, "axis": 0}, opset=21
    ),
    "quantizes to float": Case("", "QuantizeLinear", (X, SCALE), {"output_dtype": TensorProto.FLOAT}, opset=21),
    "training mode": Case("", "Dropout", (X, SCALE, np.bool_(True)), constants=(1, 2)),
    "strings": Case("", "Constant", (), {"value_string": "text"}),
    "is outside a tensor": Case("", "Concat", (X, X), {"axis": 3}, batched=(0, 1)),
    "is not 1": Case("", "Squeeze", (X, np.int64([1])), constants=(1,)),
    "axis 4 is outside": Case("", "Flatten", (X,), {"axis": 4}),
    "is no equation": Case("", "Einsum", (X,), {"equation": "ij,jk->ik"}),
    "needs a matrix": Case("", "EyeLike", (X,)),
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_node_is_refused_with_a_reason(words: str) -> None:
    case = REFUSED[words]
    with pytest.raises(EdgeconvError, match=words):
        load_onnx(model_of(replace(case, name="refused")))
