"""Lookup: int8 in, int8 out, through a table of 256 entries that the file stores.

Every one-input elementwise function, and every change of scale, is this operator once quantized.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MIN, Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.binary import clear, lines_of
from edgeconv.ops.integer import scalar
from edgeconv.ops.jobs import cast, chain
from edgeconv.records import dataclass

__all__ = ["Lookup"]

_WHOLE, _BYTE = np.float32(3 << 22), np.int32(255)
"""Integers of less than 22 bits plus `_WHOLE` end in the same bits as float32 as they do in two's complement."""


@dataclass(frozen=True)
class Lookup(Operator):
    """y = table[x + 128]; `function` names what the table computes, for people."""

    function: str = ""

    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(self, x: TensorType, table: TensorType) -> tuple[TensorType, ...]:
        if x.dtype != "int8" or table.dtype != "int8" or table.shape != (256,):
            raise ShapeError(f"needs an int8 input and a table int8[256], found {x} and {table}")
        return (TensorType("int8", x.shape),)

    def run(self, x: Array, table: Array) -> Array:
        return table[x.astype(np.int16) + 128]

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        (values,), out = lines_of([x], y)
        index, table = scratch(values.shape, np.dtype(np.intp).name), inputs[1].array
        # `np.take` would make indices and results of its own otherwise.
        found = out if out.flags.c_contiguous else scratch(out.shape, out.dtype.name)
        load: list[Kernel]
        # The lowest byte of a value, read as uint8: 0 .. 127 come before the negative ones.
        if x.is_wide:
            table = np.roll(table, INT8_MIN - scalar(x.q)[1])
            whole = found if y.is_wide else scratch(values.shape)
            lowest = whole.view(np.int32)
            load = [partial(np.add, values, _WHOLE, whole), partial(np.bitwise_and, lowest, _BYTE, lowest)]
            load.append(cast(index, lowest))
        else:
            table, load = np.roll(table, INT8_MIN), [cast(index, values.view(np.uint8))]
        if y.is_wide:
            table = table.astype(np.float32) - np.float32(scalar(y.q)[1])
        jobs: list[Kernel] = [*load, partial(table.take, index, None, found, "wrap")]
        if found is not out:
            jobs.append(cast(out, found))
        return chain(jobs + clear(y, out))
