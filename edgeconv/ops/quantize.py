"""Quantize and Dequantize: the borders between float and int8. Their parameters are those of the int8 tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.integer import clamp_bounds, is_held, narrow, required
from edgeconv.ops.jobs import cast, chain
from edgeconv.records import dataclass

__all__ = ["POSITIVE_ZERO", "Dequantize", "Quantize", "quantizer"]


@dataclass(frozen=True)
class Quantize(Operator):
    """float32 -> int8 or int16: saturate(rint(x / scale) + zero_point); the division is the IEEE one. NaN becomes 0."""

    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not x.is_float:
            raise ShapeError(f"needs a float input, found {x}")
        return (TensorType("int8", x.shape),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0]
        return partial(quantizer(y.array, required(y.q), scratch(x.shape), y.type.dtype), x)


def quantizer(y: Array, q: QParams, work: Array, dtype: str = "int8") -> Callable[[Array], None]:
    """A function that quantizes its argument, float32, into `y`: of `dtype`, or float32 that carries q - zero_point.

    `work` is float32 of its shape.
    """
    scale, zero_point = np.array(q.scale[0], np.float32), np.float32(q.zero_point[0])
    lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q, dtype=dtype))
    rest = chain([partial(np.rint, work, work), *narrow(work, lo, hi, zero_point, y)])

    def run(x: Array) -> None:
        np.divide(x, scale, work)
        rest()

    return run


POSITIVE_ZERO = np.array(0, np.float32)
"""Added to integers that are carried as float32: rounding may have left -0.0, which int8 does not know."""


@dataclass(frozen=True)
class Dequantize(Operator):
    """int8 or int16 -> float32: scale * (q - zero_point)."""

    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.dtype != "int8" and not is_held(x):
            raise ShapeError(f"needs an int8 input, found {x}")
        return (TensorType("float32", x.shape),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y, q = inputs[0], outputs[0].array, inputs[0].q
        if q is None:
            raise ShapeError("its input has no quantization parameters")
        scale, zero_point = q.arrays(x.array.ndim)
        if x.is_wide:
            return chain([partial(np.add, x.array, POSITIVE_ZERO, y), partial(np.multiply, y, scale, y)])
        return chain([cast(y, x.array), partial(np.subtract, y, zero_point, y), partial(np.multiply, y, scale, y)])
