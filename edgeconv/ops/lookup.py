"""Lookup: int8 in, int8 out, through a table of 256 entries that the file stores.

Every one-input elementwise function, and every change of scale, is this operator once quantized.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.records import dataclass

__all__ = ["Lookup"]


@dataclass(frozen=True)
class Lookup(Operator):
    """y = table[x + 128]; `function` names what the table computes, for people."""

    function: str = ""

    def infer(self, x: TensorType, table: TensorType) -> tuple[TensorType, ...]:
        if x.dtype != "int8" or table.dtype != "int8" or table.shape != (256,):
            raise ShapeError(f"needs an int8 input and a table int8[256], found {x} and {table}")
        return (TensorType("int8", x.shape),)

    def run(self, x: Array, table: Array) -> Array:
        return table[x.astype(np.int16) + 128]

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        # Read as uint8, the values 0..127 come before -128..-1, so the table is rotated once instead. `np.take` would
        # make indices of its own otherwise.
        x, y = inputs[0].array.view(np.uint8), outputs[0].array
        table, index = np.roll(inputs[1].array, 128), scratch(x.shape, np.dtype(np.intp).name)

        def kernel() -> None:
            np.copyto(index, x)
            np.take(table, index, out=y, mode="clip")

        return kernel
