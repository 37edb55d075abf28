"""Quantize and Dequantize: the borders between float and int8. Their parameters are those of the int8 tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.integer import clamp_bounds, required
from edgeconv.records import dataclass

__all__ = ["Dequantize", "Quantize", "quantizer"]


@dataclass(frozen=True)
class Quantize(Operator):
    """float32 -> int8: saturate(rint(x / scale) + zero_point); the division is the rounded IEEE one. NaN becomes 0."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not x.is_float:
            raise ShapeError(f"needs a float input, found {x}")
        return (TensorType("int8", x.shape),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0]
        return partial(quantizer(y.array, required(y.q), scratch(x.shape)), x)


def quantizer(y: Array, q: QParams, work: Array) -> Callable[[Array], None]:
    """A function that quantizes its argument, float32, into the int8 array `y`; `work` is float32 of its shape."""
    scale, zero_point = np.float32(q.scale[0]), np.float32(q.zero_point[0])
    lo, hi = (np.float32(bound - zero_point) for bound in clamp_bounds(q))

    def run(x: Array) -> None:
        np.divide(x, scale, out=work)
        np.rint(work, out=work)
        np.clip(work, lo, hi, out=work)
        np.add(work, zero_point, out=y, casting="unsafe")

    return run


@dataclass(frozen=True)
class Dequantize(Operator):
    """int8 -> float32: scale * (q - zero_point)."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.dtype != "int8":
            raise ShapeError(f"needs an int8 input, found {x}")
        return (TensorType("float32", x.shape),)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y, q = inputs[0].array, outputs[0].array, inputs[0].q
        if q is None:
            raise ShapeError("its input has no quantization parameters")
        scale, zero_point = q.arrays(x.ndim)

        def kernel() -> None:
            np.subtract(x, zero_point, out=y)
            np.multiply(y, scale, out=y)

        return kernel
