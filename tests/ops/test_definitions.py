"""`run`, `plan` and `macs` in forms that no single ONNX node has: fused bounds, shapes, costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgeconv.core import Array, TensorType, type_of
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Inputs, Operator, infer_types
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.dense import Dense
from edgeconv.ops.einsum import Einsum
from edgeconv.ops.elementwise import Neg
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.pad import Pad
from edgeconv.ops.range import OneHot
from edgeconv.ops.shape import Shape, Size
from edgeconv.ops.transpose import Transpose
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor
from tests.harness import data

A, B = data(2, 3, 4, low=-3, high=3), data(3, 4, low=1, high=3, seed=1)


def run(op: Operator, arrays: Sequence[Array], constants: Sequence[int] = ()) -> Array:
    """The output of `op` as the interpreter computes it."""
    types = [type_of(x) if i in constants else TensorType(x.dtype.name, x.shape) for i, x in enumerate(arrays)]
    names = [Tensor(f"x{index}", known) for index, known in enumerate([*types, *infer_types(op, types)])]
    step = Step(op, tuple(range(len(arrays))), (len(arrays),))
    variable = [index for index in range(len(arrays)) if index not in constants]
    interpreter = Interpreter(Program(tuple(names), (step,), tuple(variable), (len(arrays),)))
    found: Array = interpreter(*(arrays[index] for index in variable))
    return found


@pytest.mark.parametrize("bounds", [{"low": 0.0}, {"high": 1.0}, {"low": -0.5, "high": 0.5}], ids=str)
@pytest.mark.parametrize("op", [Add, Sub, Mul, Div])
def test_bounds_hold_in_float(op: type[Operator], bounds: dict[str, float]) -> None:
    want = op(**bounds).run(A, B)
    np.testing.assert_allclose(run(op(**bounds), [A, B]), want, rtol=1e-6)
    np.testing.assert_array_equal(want, np.clip(op().run(A, B), bounds.get("low"), bounds.get("high")))


def test_bounds_of_a_linear_layer() -> None:
    weight, bias = data(4, 5), data(5)
    for inputs in ([A, weight], [A, weight, bias]):
        found = run(Dense(low=0.0, high=1.0), inputs, constants=(1, 2))
        np.testing.assert_allclose(found, np.clip(Dense().run(*inputs), 0, 1), rtol=1e-5, atol=1e-6)


def test_costs_in_multiplications() -> None:
    known = [TensorType("float32", shape) for shape in ((2, 3, 4), (4, 5), (2, 3, 5))]
    for op in (Dense(), MatMul()):
        assert op.macs(Inputs(known[:2]), known[2:]) == 2 * 3 * 4 * 5


def test_shapes_of_arrays() -> None:
    assert Shape(-2).run(A).tolist() == [3, 4]
    assert Size().run(A) == 24


def test_one_hot_of_nothing_in_many_classes() -> None:
    assert OneHot(2**40, 0).run(np.zeros(0, np.int64), np.float32([0, 1])).shape == (2**40, 0)


def test_bounds_of_integers_beyond_what_they_hold() -> None:
    x = np.uint8([0, 7, 200])
    for bounds, want in (({"high": -1.5}, [0, 0, 0]), ({"low": 300.0}, [255] * 3), ({"low": 1.0}, [1, 7, 200])):
        assert run(Clamp(**bounds), [x]).tolist() == want


@pytest.mark.parametrize("op", [Add(), Neg(), Transpose(()), Einsum("->")], ids=str)
def test_a_constant_scalar_stays_one(op: Operator) -> None:
    count = 2 if isinstance(op, Add) else 1
    assert run(op, [np.float32(2).reshape(())] * count, constants=range(count)).shape == ()


def test_a_linear_layer_in_integers_that_stand_for_themselves() -> None:
    x, weight = np.int8([[1, 2]]), np.int8([[3], [4]])
    assert run(Dense(), [x, weight], constants=(1,)).tolist() == [[11]]
    assert run(Dense(high=5.0), [x, weight], constants=(1,)).tolist() == [[5]]


def test_an_ellipsis_broadcasts() -> None:
    for a, b in ((A[:, :1], A), (A, A[:, :1]), (A, A[0])):
        np.testing.assert_allclose(run(Einsum("...i,...i->..."), [a, b]), (a * b).sum(-1), rtol=1e-5, atol=1e-6)


def test_an_empty_dimension_may_stay_without_a_border() -> None:
    assert run(Pad((0, 1, 0, 1), "edge"), [np.zeros((0, 2), np.float32)]).shape == (0, 4)
