"""Types that no sound file has: what `infer` refuses before anything runs, so that nothing crashes later."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.ops.base import Operator, ShapeError, infer_types
from edgeconv.ops.conv import Conv
from edgeconv.ops.grid_sample import GridSample
from edgeconv.ops.label_encoder import MapValues
from edgeconv.ops.lstm import LSTM
from edgeconv.ops.max_unpool import MaxPoolIndices
from edgeconv.ops.non_max_suppression import NonMaxSuppression
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.svm import PairProbabilities, VectorKernel
from edgeconv.records import replace


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def whole(*shape: int) -> TensorType:
    return TensorType("int64", shape)


KEYS, VALUES = type_of(np.int64([1, 4, 9])), type_of(np.float32([1, 2, 3]))
STEPS, TANH = TensorType("int8", (5, 2, 4), QParams((0.1,), (0,))), type_of(np.zeros(4096, np.int16))
WEIGHTS = [
    TensorType("int8", (1, 12, size), QParams((0.1,) * 12, (0,) * 12, 1), np.ones((1, 12, size), np.int8))
    for size in (4, 3)
]
CELL = LSTM(3, "forward", LSTM.defaults, (0.0,) * 3, (0.0,) * 3, inf, False)
BOXES, SCORES, ONE = real(1, 6, 4), real(1, 2, 6), real(1)

REFUSED: list[tuple[Operator, Sequence[TensorType | None], str]] = [
    (NonMaxSuppression("n"), (real(1, 6, 3), SCORES), "needs boxes"),
    (NonMaxSuppression("n"), (BOXES, real(1, 2, 7)), "do not belong together"),
    (NonMaxSuppression("n"), (BOXES, real(2, 2, 6)), "do not belong together"),
    (NonMaxSuppression("n"), (BOXES, SCORES, ONE), "its limits are numbers"),
    (NonMaxSuppression("n"), (BOXES, SCORES, whole(2)), "its limits are numbers"),
    (NonMaxSuppression("n"), (BOXES, SCORES, whole(1), whole(1)), "its limits are numbers"),
    (MapValues(), (whole(2), KEYS, real(2), ONE), "as many values as keys"),
    (MapValues(), (real(2), KEYS, VALUES, ONE), "needs keys like"),
    (MapValues(), (whole(2), KEYS, VALUES, whole(1)), "a default like"),
    (MapValues(), (whole(2), whole(3), VALUES, ONE), "constant and sorted"),
    (MapValues(), (whole(2), type_of(np.int64([4, 1, 9])), VALUES, ONE), "constant and sorted"),
    (GridSample(), (real(1, 2, 4), whole(1, 3, 1)), "a grid of real numbers"),
    (GridSample(), (real(1, 2), real(1, 3)), "1 to 3 spatial dimensions"),
    (VectorKernel("RBF"), (real(2, 3), TensorType("float64", (5, 3))), "of one dtype"),
    (VectorKernel("RBF"), (whole(2, 3), whole(5, 3)), "of one dtype"),
    (VectorKernel("RBF"), (real(2, 3), real(5, 4)), "rows like its vectors"),
    (PairProbabilities(3), (real(2, 3), real(2), real(3)), "a slope and an offset"),
    (PairProbabilities(3), (real(2, 3), real(3), TensorType("float64", (3,))), "a slope and an offset"),
    (Conv((1, 1), (0,) * 4, (1, 1)), (real(1, 2, 4, 4), real(3, 2, 3, 3), real(3), real(1, 3, 9, 9)), "residual"),
    (Reshape((3, 5)), (real(2, 4),), "cannot|elements|reshape"),
    (MaxPoolIndices((2,), (2,), (0, 0), (1,)), (TensorType("float32", (1, 2, symbol("N"))),), "not known beforehand"),
    (CELL, (STEPS, *WEIGHTS), "needs a table"),
    (
        CELL,
        (STEPS, *WEIGHTS, TensorType("int32", (1, 24), QParams((0.1,), (0,))), None, None, None, None, TANH),
        "its bias must be a real constant",
    ),
    (
        CELL,
        (STEPS, TensorType("float32", (1, 12, 4)), WEIGHTS[1], None, None, None, None, None, TANH),
        "must be int8 constants",
    ),
    (replace(CELL, clip=2.0), (STEPS, *WEIGHTS, None, None, None, None, None, TANH), "has no int8 form"),
    (PairProbabilities(1), (real(2, 0), real(0), real(0)), "scores of all pairs"),
]


@pytest.mark.parametrize(("op", "types", "match"), REFUSED, ids=lambda each: str(each)[:40])
def test_refused(op: Operator, types: Sequence[TensorType | None], match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        infer_types(op, types)


def test_a_map_of_nothing_gives_its_default() -> None:
    nothing: Array = np.zeros(0, np.int64)
    found = MapValues().run(np.int64([3, 4]), nothing, np.zeros(0, np.float32), np.float32([7]))
    assert found.tolist() == [7, 7]


def test_boxes_without_scores_are_refused_when_run() -> None:
    with pytest.raises(ValueError, match="do not belong to"):
        NonMaxSuppression("n").run(np.zeros((1, 6, 4), np.float32), np.zeros((1, 2, 7), np.float32))
