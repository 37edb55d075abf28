"""Cast: another dtype. Half precision reads as float32, as in all of edgeconv."""

from __future__ import annotations

import numpy as np

from edgeconv.core import DTYPES, Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["Cast", "onnx_dtype"]

_ONNX_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float32",  # FLOAT16
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "float32",  # BFLOAT16
}
"""ONNX's TensorProto.DataType -> the dtype that edgeconv computes with."""


@dataclass(frozen=True)
class Cast(Operator):
    """The values in another dtype: fractions are cut off, anything but 0 is True."""

    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in DTYPES:
            raise ShapeError(f"{self.dtype!r} is no dtype; there are {', '.join(DTYPES)}")
        return (TensorType(self.dtype, x.shape),)

    def run(self, x: Array) -> Array:
        if x.dtype == object and self.dtype not in ("int32", "int64"):
            raise ValueError("a dimension that is not known yet stays an integer")
        with np.errstate(invalid="ignore"):
            return x if x.dtype == object else x.astype(self.dtype)


def onnx_dtype(elem_type: int) -> str:
    """The dtype that stands for an ONNX element type; Unsupported for strings, 4-bit and 8-bit floats and the like."""
    if elem_type not in _ONNX_DTYPES:
        raise Unsupported(f"it makes a tensor of the element type {elem_type}, which the device does not have")
    return _ONNX_DTYPES[elem_type]


@onnx_rule("Cast")
def import_cast(x: Ref, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expr:
    """Cast to a dtype; `saturate` and `round_mode` speak of 8-bit floats only."""
    dtype = onnx_dtype(to)
    return x if x.type.dtype == dtype else Cast(dtype)(x)


@onnx_rule("CastLike", since=15)
def import_cast_like(x: Ref, like: Ref, *, saturate: int = 1, round_mode: str = "up") -> Expr:
    """Cast to the dtype of another tensor."""
    return x if x.type.dtype == like.type.dtype else Cast(like.type.dtype)(x)
