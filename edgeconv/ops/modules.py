"""The operator table: operator name -> module of `edgeconv.ops`. One line per operator."""

from __future__ import annotations

__all__ = ["MODULES"]

MODULES = {
    "Add": "add",
    "AveragePool": "average_pool",
    "BatchNorm": "batch_norm",
    "Clamp": "clamp",
    "Conv": "conv",
    "Dense": "dense",
    "Dequantize": "quantize",
    "Dims": "shape",
    "Identity": "identity",
    "LayerNorm": "layer_norm",
    "LogSoftmax": "softmax",
    "Lookup": "lookup",
    "MaxPool": "max_pool",
    "Quantize": "quantize",
    "ReduceInverseDeviation": "layer_norm",
    "ReduceMax": "reduce",
    "ReduceMean": "reduce",
    "ReduceMin": "reduce",
    "ReduceSum": "reduce",
    "Reshape": "reshape",
    "RmsNorm": "layer_norm",
    "Shape": "shape",
    "Softmax": "softmax",
    "Transpose": "transpose",
}
