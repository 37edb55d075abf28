"""Gemm: every transposition and factor; biases of every broadcastable shape; what is constant and what is not."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

A, B, C = data(6, 4), data(4, 5), data(5)
FACTORS = {"alpha": 0.5, "beta": 2.0}

CASES = [
    Case("plain", "Gemm", (A, B), constants=(1,), int8_sqnr=30),
    Case("bias", "Gemm", (A, B, C), constants=(1, 2), int8_sqnr=30),
    Case("factors", "Gemm", (A, B, C), FACTORS, constants=(1, 2), int8_sqnr=30),
    Case("transposed_weight", "Gemm", (A, B.T.copy(), C), {"transB": 1}, constants=(1, 2), int8_sqnr=30),
    Case("transposed_input", "Gemm", (A.T.copy(), B, C), {"transA": 1}, (1, 2), dynamic=None, int8_sqnr=30),
    Case("scalar_bias", "Gemm", (A, B, C[:1].reshape(())), FACTORS, constants=(1, 2), int8_sqnr=30),
    Case("one_bias", "Gemm", (A, B, C[:1]), constants=(1, 2), int8_sqnr=30),
    Case("row_bias", "Gemm", (A, B, C[None]), constants=(1, 2), int8_sqnr=30),
    Case("column_bias", "Gemm", (A, B, data(6, 1)), FACTORS, constants=(1, 2), dynamic=None, int8_sqnr=30),
    Case("bias_at_run_time", "Gemm", (A, B, C), FACTORS, constants=(1,), int8_sqnr=30),
    Case("all_at_run_time", "Gemm", (A, B, C), FACTORS, int8_sqnr=30),
    Case("weight_at_run_time", "Gemm", (A, B.T.copy()), {"transB": 1, "alpha": 3.0}, int8_sqnr=30),
    Case("no_beta", "Gemm", (A, B, C), {"beta": 0.0}, int8_sqnr=30),
    Case("double", "Gemm", (A.astype(np.float64), B.astype(np.float64), C.astype(np.float64)), constants=(1, 2)),
    Case("opset_7", "Gemm", (A, B, C), constants=(1, 2), opset=7, int8_sqnr=30),
    *(
        Case(
            name,
            "FusedMatMul",
            inputs,
            attributes,
            constants,
            domain="com.microsoft",
            dynamic=None,
            judge="onnxruntime",
        )
        for name, inputs, attributes, constants in (
            ("plain", (A, B), {}, ()),
            ("scaled", (A, B), {"alpha": 0.25}, (1,)),
            ("left_transposed", (data(2, 4, 6), data(2, 4, 5)), {"transA": 1}, ()),
            ("right_transposed", (A, B.T.copy()), {"transB": 1}, (1,)),
        )
    ),
]
