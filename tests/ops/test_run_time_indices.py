"""Indices and lengths that arrive with the data are checked when they arrive."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError
from edgeconv.ops.base import Operator
from edgeconv.ops.gather import Gather, GatherElements, GatherND
from edgeconv.ops.reverse import ReverseSequence
from edgeconv.ops.scatter import ScatterElements, ScatterND
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor

X = np.arange(6, dtype=np.float32).reshape(2, 3)

OUTSIDE: list[tuple[Operator, list[Array]]] = [
    (Gather(1), [np.int64([3])]),
    (Gather(1), [np.int64([-4])]),
    (GatherElements(1), [np.int64([[3], [0]])]),
    (GatherND(), [np.int64([[0, 3]])]),
    (ScatterElements(0), [np.int64([[2]]), np.float32([[1]])]),
    (ScatterND(), [np.int64([[-3]]), np.ones((1, 3), np.float32)]),
    (ReverseSequence(0, 1), [np.int64([4, 0])]),
    (ReverseSequence(0, 1), [np.int64([-1, 0])]),
]


@pytest.mark.parametrize(("op", "others"), OUTSIDE, ids=str)
def test_an_index_outside_is_an_error_of_the_data(op: Operator, others: list[Array]) -> None:
    arrays = [X, *others]
    types = [TensorType(array.dtype.name, array.shape) for array in arrays]
    tensors = [Tensor(f"x{index}", known) for index, known in enumerate([*types, *op.infer(*types)])]
    inputs = tuple(range(len(arrays)))
    interpreter = Interpreter(Program(tuple(tensors), (Step(op, inputs, (len(arrays),)),), inputs, (len(arrays),)))
    with pytest.raises(DataError, match=r"outside a dimension|exceed"):
        interpreter(*arrays)
