"""The residual input of Conv and Dense: a tensor of the output's shape that is added before clamp and rounding.

int8: (q - zero_point) * float32(s_residual / s_out), each step one IEEE operation, added to the scaled sum; so a
residual block rounds once instead of twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Operand, Scratch, ShapeError
from edgeconv.ops.im2col import Columns
from edgeconv.ops.integer import is_held, multiplier, scalar
from edgeconv.ops.jobs import cast

__all__ = ["Residual", "check_residual"]


def check_residual(residual: TensorType | None, output: TensorType) -> None:
    """ShapeError unless an existing residual has the type of the output."""
    if residual is None:
        return
    is_like = residual.dtype == output.dtype or (is_held(residual) and output.dtype in ("int8", "int16"))
    if not is_like or residual.shape != output.shape:
        raise ShapeError(f"its residual input {residual} must be like its output {output}")


class Residual:
    """The residual `x` of a layer with output `y`."""

    def __init__(self, x: Operand, y: TensorType) -> None:
        self._x = x
        if x.q is not None:
            scale, zero = scalar(x.q)
            self._zero_point = np.float32(0 if x.is_wide else zero)
            self._factor = multiplier([scale], scalar(y.q)[0])[0]

    def add(
        self, n: int, sums: Array, rows: slice, columns: slice, where: Columns, scratch: Scratch, lane: int
    ) -> Iterator[Kernel]:
        """Sample `n`'s part of the residual onto the sums (rows, columns) of a block."""
        planes = self._x.planes
        if planes is not None and self._x.rows is not None and planes.steps == where.steps:
            values = self._x.rows[n, rows, planes.origin + columns.start : planes.origin + columns.stop]
            yield from self.add_to(sums, values, scratch, lane)
            return
        # NumPy would copy a strided target that is read as well, so the values are laid out as the sums are.
        first = columns.start // where.steps[0]
        part = where.part(first, -(-(columns.stop - columns.start) // where.steps[0]))
        values = self._x.array[n, rows, first : first + part.out[0]]
        laid_out = scratch.shared(f"residual lines {lane}", sums.shape, values.dtype.name)
        yield partial(laid_out.fill, 0)
        yield cast(part.elements(laid_out), values)
        yield from self.add_to(sums, laid_out, scratch, lane)

    def add_to(self, sums: Array, values: Array, scratch: Scratch, lane: int = 0) -> Iterator[Kernel]:
        """`values`, int8 or carried or float, onto `sums` of their shape."""
        if self._x.q is None:
            yield partial(np.add, sums, values, sums)
            return
        work = scratch.shared(f"residual {lane}", values.shape, "float32")
        if values.dtype != np.float32:
            yield cast(work, values)
            values = work
            if self._zero_point:
                yield partial(np.subtract, work, self._zero_point, work)
        yield partial(np.multiply, values, self._factor, work)
        yield partial(np.add, sums, work, sums)
