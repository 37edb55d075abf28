"""Operators that read, write or resample at places: inputs and attributes that make no sense are refused."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.errors import DataError
from edgeconv.ops.base import Operator, ShapeError, infer_types
from edgeconv.ops.cast import BitCast
from edgeconv.ops.col2im import Col2Im
from edgeconv.ops.cum_sum import CumProd
from edgeconv.ops.deform_conv import DeformConv
from edgeconv.ops.det import Det
from edgeconv.ops.dft import DFT
from edgeconv.ops.grid_sample import GridSample
from edgeconv.ops.hardmax import Hardmax
from edgeconv.ops.max_unpool import MaxPoolIndices, MaxUnpool
from edgeconv.ops.narrow import Narrow
from edgeconv.ops.roi_align import RoiAlign
from edgeconv.ops.tensor_scatter import TensorScatter


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def whole(*shape: int) -> TensorType:
    return TensorType("int64", shape)


ONES, NONE = (1, 1), (0, 0, 0, 0)
MAP, GRID = real(1, 2, 5, 6), real(1, 3, 3, 2)
CONV = DeformConv(ONES, NONE, ONES)
REFUSED = [
    (BitCast("int16"), [real(2)]),
    (BitCast("bool"), [TensorType("int8", (2,))]),
    (BitCast("complex64"), [real(2)]),
    (Col2Im((4, 4), (2, 2), ONES, ONES, NONE), [real(1, 4, 8)]),
    (Col2Im((4, 4), (2, 2), ONES, ONES, NONE), [real(1, 5, 9)]),
    (Col2Im((4, -4), (2, 2), ONES, ONES, NONE), [real(1, 4, 9)]),
    (Col2Im((4, 4), (2, 2), (0, 1), ONES, NONE), [real(1, 4, 9)]),
    (CumProd(3), [real(2, 3)]),
    (CONV, [MAP, real(2, 2, 3, 3), real(1, 17, 3, 4)]),
    (CONV, [MAP, real(2, 3, 3, 3), real(1, 18, 3, 4)]),
    (CONV, [MAP, real(2, 2, 3, 3), real(1, 18, 3, 4), real(3)]),
    (CONV, [MAP, real(2, 2, 3, 3), real(1, 18, 3, 4), None, real(1, 8, 3, 4)]),
    (CONV, [MAP, real(2, 2, 3, 3), TensorType("float64", (1, 18, 3, 4))]),
    (Det(), [real(2, 3)]),
    (DFT(1, 8), [real(2, 8, 3)]),
    (DFT(1, 0), [real(2, 8, 1)]),
    (DFT(2, 8), [real(2, 8, 1)]),
    (GridSample("area"), [MAP, GRID]),
    (GridSample(), [MAP, real(1, 3, 3, 3)]),
    (GridSample(), [MAP, real(2, 3, 3, 2)]),
    (GridSample(), [real(1, 2, 0, 6), GRID]),
    (Hardmax(2), [real(2, 3)]),
    (MaxPoolIndices((2, 2), ONES, (9, 9, 9, 9), ONES), [MAP]),
    (MaxUnpool((4, 4)), [real(1, 1, 2, 2), whole(1, 1, 2, 3)]),
    (MaxUnpool((4,)), [real(1, 1, 2, 2), whole(1, 1, 2, 2)]),
    (Narrow("FLOAT9"), [real(2)]),
    (Narrow("FLOAT8E8M0", True, "sideways"), [real(2)]),
    (RoiAlign(3, 3), [MAP, real(2, 5), whole(2)]),
    (RoiAlign(3, 3), [MAP, real(2, 4), whole(3)]),
    (RoiAlign(0, 3), [MAP, real(2, 4), whole(2)]),
    (RoiAlign(3, 3, 1 << 20), [MAP, real(2, 4), whole(2)]),
    (TensorScatter(2), [real(2, 3, 6, 4), real(2, 3, 7, 4), whole(2)]),
    (TensorScatter(2), [real(2, 3, 6, 4), real(2, 3, 2, 5), whole(2)]),
    (TensorScatter(2), [real(2, 3, 6, 4), real(2, 3, 2, 4), whole(3)]),
]


@pytest.mark.parametrize(
    ("op", "inputs"), REFUSED, ids=[f"{i}-{type(op).__name__}" for i, (op, _) in enumerate(REFUSED)]
)
def test_refused(op: Operator, inputs: list[TensorType | None]) -> None:
    with pytest.raises(ShapeError):
        infer_types(op, inputs)


def test_places_computed_at_run_time_are_checked() -> None:
    x, ones = np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 2, 2), np.int64)
    with pytest.raises(DataError):
        MaxUnpool((4, 4)).run(x, ones * 99)
    with pytest.raises(DataError):
        RoiAlign(2, 2).run(x, np.float32([[0, 0, 1, 1]]), np.int64([1]))
    with pytest.raises(DataError):
        RoiAlign(2, 2).run(x, np.float32([[0, 0, 1e9, 1]]), np.int64([0]))
    with pytest.raises(DataError):
        TensorScatter(2).run(x, x[:, :, :1], np.int64([5]))


def test_points_that_are_no_numbers_are_outside() -> None:
    grid = np.float32([[[[np.nan, 0], [np.inf, 0], [1e30, 0]]]])
    assert GridSample().run(np.ones((1, 1, 3, 3), np.float32), grid).tolist() == [[[[0, 0, 0]]]]
