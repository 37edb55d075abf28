"""Narrow: numbers rounded to what an ONNX type of 8 bits or fewer can hold.

The device has no such tensors: floats of 8 and 4 bits stay float32, integers of 4 and 2 bits stay int8 or uint8. The
values are those of the narrow type.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Operator, ShapeError
from edgeconv.records import dataclass

__all__ = ["FLOATS", "INTEGERS", "Narrow"]

INTEGERS = {"UINT4": ("uint8", 0, 15), "INT4": ("int8", -8, 7), "UINT2": ("uint8", 0, 3), "INT2": ("int8", -2, 1)}
"""ONNX's name -> dtype that holds it, smallest, largest."""

FLOATS = {
    "FLOAT8E4M3FN": (3, -6, 448.0, np.nan),
    "FLOAT8E4M3FNUZ": (3, -7, 240.0, np.nan),
    "FLOAT8E5M2": (2, -14, 57344.0, np.inf),
    "FLOAT8E5M2FNUZ": (2, -15, 57344.0, np.nan),
    "FLOAT4E2M1": (1, 0, 6.0, 6.0),
    "FLOAT8E8M0": (0, -127, 2.0**127, np.nan),
}
"""ONNX's name -> bits of the mantissa, exponent of the smallest normal number, largest number, what is beyond it."""


@dataclass(frozen=True)
class Narrow(Operator):
    """Floats to the nearest number of a narrow float, ties to even; anything to the low bits of a narrow integer.

    saturate: floats beyond the largest become that; otherwise infinite, or NaN. rounding: how FLOAT8E8M0, which has
    powers of two only, rounds: up, down or nearest.
    """

    format: str
    saturate: bool = True
    rounding: str = "up"

    elementwise: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if self.format in INTEGERS:
            return (TensorType(INTEGERS[self.format][0], x.shape),)
        if self.format not in FLOATS or self.rounding not in ("up", "down", "nearest") or x.dtype != "float32":
            raise ShapeError(f"{x} cannot be rounded {self.rounding} to {self.format}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            if self.format in INTEGERS:
                return _low_bits(x, *INTEGERS[self.format])
            return self._powers(x) if self.format == "FLOAT8E8M0" else self._rounded(x)

    def _rounded(self, x: Array) -> Array:
        mantissa, smallest, largest, beyond = FLOATS[self.format]
        exponent = np.maximum(np.frexp(x)[1] - 1, smallest)
        step = np.ldexp(np.float32(1), exponent - mantissa)
        y = np.where(np.isfinite(x), np.rint(x / step) * step, x)
        edge = np.float32(largest if self.saturate else beyond)
        y = np.where(np.abs(y) > largest, np.copysign(edge, y), y)
        return np.asarray(np.where(np.isnan(x) & (self.format == "FLOAT4E2M1"), np.float32(0), y), np.float32)

    def _powers(self, x: Array) -> Array:
        bits = np.ascontiguousarray(x).view(np.uint32).reshape(x.shape)
        exponent, fraction = (bits >> 23 & 0xFF).astype(np.int64), bits & 0x7FFFFF
        halves = (fraction > 0x400000) | ((fraction == 0x400000) & (exponent > 0))
        up = {"up": fraction > 0, "nearest": halves, "down": np.zeros(x.shape, bool)}[self.rounding]
        up &= (exponent < 0xFE) | (not self.saturate)
        y = np.ldexp(np.float32(1), exponent + up - 127)
        return np.asarray(np.where(exponent + up >= 0xFF, np.float32(np.nan), y), np.float32)


def _low_bits(x: Array, dtype: str, low: int, high: int) -> Array:
    whole = x.astype(np.int64)
    return np.asarray(((whole - low) % (high - low + 1) + low).astype(dtype))
