"""Fused operators of ONNX Runtime's optimizer; ONNX Runtime itself is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.harness import Case, data

X = data(2, 4, 7, 7)
W, B = data(6, 4, 3, 3), data(6)
ROWS, GAMMA, BETA = data(2, 5, 8), data(8, low=0.5), data(8)
A, M, C = data(3, 8), data(8, 6), data(6)
WORDS = data(2, 5, 8, low=-30000, high=30000, dtype="int16")
PACKED = data(6, 4, 8, low=0, high=255, dtype="uint8")
BYTES = data(6, 4, 16, low=0, high=255, dtype="uint8")
SCALES = data(24, low=0.01, high=0.05)
ZEROS = data(12, low=0, high=255, dtype="uint8")
BLOCKS = {"K": 64, "N": 6, "bits": 4, "block_size": 16}


def fused(name: str, op_type: str, *inputs: Any, constants: tuple[int, ...] = (), **attributes: Any) -> Case:
    """A case in ONNX Runtime's domain."""
    given = {"constants": constants, "dynamic": None, "judge": "onnxruntime", "domain": "com.microsoft"}
    return Case(name, op_type, inputs, attributes, **given)


CASES = [
    fused("sixteen bits", "QuantizeLinear", ROWS, np.float32(1e-3), np.uint16(9000), constants=(1, 2)),
    fused("along an axis", "QuantizeLinear", ROWS, GAMMA / 64, np.zeros(8, np.int8), constants=(1, 2), axis=2),
    fused("sixteen bits", "DequantizeLinear", WORDS, np.float32(1e-3), np.int16(-7), constants=(1, 2)),
    fused("places", "GatherND", ROWS, np.int64([[0, 1], [1, 4]]), constants=(1,)),
    fused("turned", "TransposeMatMul", A, data(6, 8), constants=(1,), transB=1, alpha=0.5),
    fused("rows", "BiasGelu", ROWS, BETA, constants=(1,)),
    fused("relu", "FusedConv", X, W, B, constants=(1, 2), activation="Relu", pads=[1, 1, 1, 1]),
    fused("residual", "FusedConv", X, W, B, data(2, 6, 5, 5), constants=(1, 2), activation="Relu"),
    fused("leaky", "FusedConv", X, W, constants=(1,), activation="LeakyRelu", activation_params=[0.2]),
    fused("clip", "FusedConv", X, W, constants=(1,), activation="Clip", activation_params=[-1.0, 2.0]),
    fused("hard", "FusedConv", X, W, constants=(1,), activation="HardSigmoid", activation_params=[0.2, 0.5]),
    fused("tanh", "FusedConv", X, W, constants=(1,), activation="Tanh", strides=[2, 2]),
    fused("sigmoid", "FusedConv", X, W, constants=(1,), activation="Sigmoid"),
    fused("relu", "FusedGemm", A, M, C, constants=(1, 2), activation="Relu"),
    fused("leaky", "FusedGemm", A, M, C, constants=(1, 2), activation="LeakyRelu", activation_alpha=0.2),
    fused("plain", "SkipLayerNormalization", ROWS, data(2, 5, 8, seed=1), GAMMA, BETA, constants=(2, 3), epsilon=1e-5),
    fused("bias", "SkipLayerNormalization", ROWS, ROWS, GAMMA, BETA, C[:1] + data(8), constants=(2, 3, 4)),
    fused("plain", "SkipSimplifiedLayerNormalization", ROWS, data(2, 5, 8, seed=1), GAMMA, constants=(2,)),
    Case(
        "rms", "SimplifiedLayerNormalization", (ROWS, GAMMA), {"axis": -1, "epsilon": 1e-5}, (1,), judge="onnxruntime"
    ),
    fused("symmetric", "MatMulNBits", data(3, 64), PACKED, SCALES, constants=(1, 2), **BLOCKS),
    fused("eight bits", "MatMulNBits", data(3, 64), BYTES, SCALES, constants=(1, 2), **BLOCKS | {"bits": 8}),
    fused("zero_points", "MatMulNBits", data(3, 64), PACKED, SCALES, ZEROS, constants=(1, 2, 3), **BLOCKS),
]
