"""BitCast: the same bits, read as another dtype of the same width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import DTYPES, Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.cast import element_name, onnx_dtype
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["BitCast"]


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
