"""Lookup: a quantized value in, another out, through a table that the file stores.

Every one-input elementwise function, and every change of scale, is this operator once quantized. For an input in 16
bits the table has as many entries as the function has steps; what is beyond them has the nearest entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MIN, Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.binary import clear, lines_of
from edgeconv.ops.integer import is_int16, scalar
from edgeconv.ops.jobs import cast, chain
from edgeconv.records import dataclass

__all__ = ["Lookup"]

_WHOLE = 3 << 22
"""Integers of less than 22 bits plus `_WHOLE` end in the same bits as float32 as they do in two's complement."""
_BITS = np.float32(_WHOLE).view(np.int32)


@dataclass(frozen=True)
class Lookup(Operator):
    """y = table[x - first]; `function` names what the table computes, for people."""

    function: str = ""
    first: int = INT8_MIN

    int16: ClassVar[str] = "table"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(self, x: TensorType, table: TensorType) -> tuple[TensorType, ...]:
        is_table = table.rank == 1 and table.dtype in ("int8", "int16")
        fits = self.first == INT8_MIN and table.shape == (256,)
        if is_int16(x):
            fits = -(1 << 15) <= self.first < 1 << 15 and 1 <= table.size <= 1 << 16
        if not (is_table and fits and x.dtype in ("int8", "int16")):
            raise ShapeError(f"needs a table int8[256], or of 16 bits where the input is, found {x} and {table}")
        return (TensorType(table.dtype, x.shape),)

    def run(self, x: Array, table: Array) -> Array:
        found: Array = table.take(x.astype(np.int32) - self.first, mode="clip")
        return found

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        (values,), out = lines_of([x], y)
        index, table = scratch(values.shape, np.dtype(np.intp).name), inputs[1].array
        # `np.take` would make indices and results of its own otherwise.
        found = out if out.flags.c_contiguous else scratch(out.shape, out.dtype.name)
        load: list[Kernel]
        if x.is_wide:
            whole = found if y.is_wide else scratch(values.shape)
            place, offset = whole.view(np.int32), np.float32(_WHOLE - self.first + scalar(x.q)[1])
            load = [partial(np.add, values, offset, whole), partial(np.subtract, place, _BITS, place)]
            load.append(cast(index, place))
        elif x.type.dtype == "int8":
            # Read as uint8, 0 .. 127 come before the negative ones.
            table, load = np.roll(table, INT8_MIN), [cast(index, values.view(np.uint8))]
        else:
            load = [cast(index, values), partial(np.subtract, index, self.first, index)]
        if y.is_wide:
            table = table.astype(np.float32) - np.float32(scalar(y.q)[1])
        jobs: list[Kernel] = [*load, partial(table.take, index, None, found, "clip")]
        if found is not out:
            jobs.append(cast(out, found))
        return chain(jobs + clear(y, out))
