"""Cast: another dtype; BitCast: the same bits, read as another dtype of the same width.

What the device does not have reads as the next wider dtype: half precision and narrower floats as float32, integers of
4 and 2 bits as int8 or uint8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import DTYPES, Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError, expr_type
from edgeconv.ops.narrow import FLOATS, INTEGERS, Narrow
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["BitCast", "Cast", "cast_to", "element_name", "narrow_format", "onnx_dtype"]

_ELEMENTS = {
    1: ("FLOAT", "float32"),
    2: ("UINT8", "uint8"),
    3: ("INT8", "int8"),
    4: ("UINT16", "uint16"),
    5: ("INT16", "int16"),
    6: ("INT32", "int32"),
    7: ("INT64", "int64"),
    9: ("BOOL", "bool"),
    10: ("FLOAT16", "float32"),
    11: ("DOUBLE", "float64"),
    12: ("UINT32", "uint32"),
    13: ("UINT64", "uint64"),
    16: ("BFLOAT16", "float32"),
    17: ("FLOAT8E4M3FN", "float32"),
    18: ("FLOAT8E4M3FNUZ", "float32"),
    19: ("FLOAT8E5M2", "float32"),
    20: ("FLOAT8E5M2FNUZ", "float32"),
    21: ("UINT4", "uint8"),
    22: ("INT4", "int8"),
    23: ("FLOAT4E2M1", "float32"),
    24: ("FLOAT8E8M0", "float32"),
    25: ("UINT2", "uint8"),
    26: ("INT2", "int8"),
}
"""ONNX's TensorProto.DataType -> its name there, the dtype that edgeconv computes with."""


@dataclass(frozen=True)
class Cast(Operator):
    """The values in another dtype: fractions are cut off, anything but 0 is True."""

    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in DTYPES:
            raise ShapeError(f"{self.dtype!r} is no dtype; there are {', '.join(DTYPES)}")
        return (TensorType(self.dtype, x.shape, value=self._dims(x.value)),)

    def _dims(self, value: Array | None) -> Array | None:
        """Dimensions that are not known yet, cast; what is known is `run`'s business."""
        if value is None or value.dtype != object:
            return None
        from edgeconv.ops.ratio import cast_dims  # few models cast shapes

        return cast_dims(value, self.dtype)

    def run(self, x: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return x.astype(self.dtype)


def onnx_dtype(elem_type: int) -> str:
    """The dtype that stands for an ONNX element type; Unsupported for strings and complex numbers."""
    return _element(elem_type)[1]


def element_name(elem_type: int) -> str:
    """ONNX's name of an element type."""
    return _element(elem_type)[0]


def narrow_format(elem_type: int) -> str:
    """ONNX's name of an element type of 8 bits or fewer for which a wider dtype stands; "" for all others."""
    name = element_name(elem_type)
    return name if name in FLOATS or name in INTEGERS else ""


def _element(elem_type: int) -> tuple[str, str]:
    if elem_type not in _ELEMENTS:
        raise Unsupported(f"it makes a tensor of the element type {elem_type}, which the device does not have")
    return _ELEMENTS[elem_type]


def cast_to(x: Expr, elem_type: int, saturate: bool = True, rounding: str = "up") -> Expr:
    """x as an ONNX element type; as values of it where the device has no such dtype."""
    dtype, narrow, known = onnx_dtype(elem_type), narrow_format(elem_type), expr_type(x)
    if narrow in FLOATS:
        real = x if known.dtype == dtype else Cast(dtype)(x)
        return Narrow(narrow, saturate, rounding)(real)
    if narrow:
        return Narrow(narrow)(x)
    return x if known.dtype == dtype else Cast(dtype)(x)


@onnx_rule("Cast")
def import_cast(x: Ref, *, to: int, saturate: int = 1, round_mode: str = "up") -> Expr:
    """Cast to a dtype; `saturate` and `round_mode` speak of 8-bit floats only."""
    return cast_to(x, to, bool(saturate), round_mode)


@onnx_rule("CastLike", since=15)
def import_cast_like(x: Ref, like: Ref, *, saturate: int = 1, round_mode: str = "up", elements: Sequence[int]) -> Expr:
    """Cast to the dtype of another tensor."""
    return cast_to(x, elements[1], bool(saturate), round_mode)


@dataclass(frozen=True)
class BitCast(Operator):
    """The bytes of x as `dtype`, which is as wide as its own."""

    dtype: str

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if self.dtype not in DTYPES or self.dtype == "bool" or x.q is not None:
            raise ShapeError(f"{x} cannot be read as {self.dtype!r}")
        if np.dtype(self.dtype).itemsize != np.dtype(x.dtype).itemsize:
            raise ShapeError(f"{x} is not as wide as {self.dtype}")
        return (TensorType(self.dtype, x.shape),)

    def run(self, x: Array) -> Array:
        return np.ascontiguousarray(x).view(self.dtype).reshape(x.shape)


@onnx_rule("BitCast", since=26)
def import_bit_cast(x: Ref, *, to: int, elements: Sequence[int]) -> Expr:
    """Between types that the device has: of wider ones that stand for others, the bits differ."""
    dtype = onnx_dtype(to)
    for elem_type, stored in ((to, dtype), (elements[0], x.type.dtype)):
        name = element_name(elem_type)
        if name.lower() not in (stored, stored.replace("float64", "double"), stored.replace("float32", "float")):
            raise Unsupported(f"it reads the bits of {name}, for which {stored} stands on the device")
    return x if x.type.dtype == dtype else BitCast(dtype)(x)
