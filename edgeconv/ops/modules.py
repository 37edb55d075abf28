"""The operator table: operator name -> module of `edgeconv.ops`. One line per operator."""

from __future__ import annotations

__all__ = ["MODULES"]

MODULES = {
    "Add": "add",
    "Clamp": "clamp",
    "Conv": "conv",
    "Dense": "dense",
    "Dequantize": "quantize",
    "Dims": "shape",
    "Identity": "identity",
    "Lookup": "lookup",
    "Quantize": "quantize",
    "Reshape": "reshape",
    "Shape": "shape",
    "Transpose": "transpose",
}
