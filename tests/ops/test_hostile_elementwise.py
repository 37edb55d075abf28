"""Attributes and inputs that no honest model has: `infer` refuses them, so that nothing later can go wrong."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from edgeconv.core import QParams, TensorType, type_of
from edgeconv.ops.add import Add
from edgeconv.ops.base import Operator, ShapeError, infer_types
from edgeconv.ops.cast import Cast
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.compare import Equal, Less
from edgeconv.ops.concat import Concat
from edgeconv.ops.dense import Dense
from edgeconv.ops.einsum import Einsum
from edgeconv.ops.elementwise import Abs, Exp
from edgeconv.ops.erf import Gelu
from edgeconv.ops.expand import Expand, Fill, Tile
from edgeconv.ops.gather import Gather, GatherElements, GatherND
from edgeconv.ops.logic import And, BitShift, BitwiseAnd, BitwiseNot, IsInf, Not
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Mul
from edgeconv.ops.pad import Pad
from edgeconv.ops.pow import Mod, Pow
from edgeconv.ops.prelu import PRelu
from edgeconv.ops.range import OneHot, Range, Trilu
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.reverse import ReverseSequence
from edgeconv.ops.scatter import ScatterElements, ScatterND
from edgeconv.ops.slice import Slice
from edgeconv.ops.split import Split
from edgeconv.ops.transpose import Transpose
from edgeconv.ops.where import Where

X = TensorType("float32", (2, 3, 4))
INTS = TensorType("int64", (2, 3, 4))
BOOLS = TensorType("bool", (2, 3, 4))
SCALAR = TensorType("int64", ())


def known(*values: int) -> TensorType:
    return type_of(np.int64(values))


def shaped(*shape: int, dtype: str = "float32") -> TensorType:
    return TensorType(dtype, shape)


REFUSED: list[tuple[Operator, list[TensorType]]] = [
    (Add(), [X, INTS]),
    (Add(), [BOOLS, BOOLS]),
    (Add(), [X, shaped(2, 3, 5)]),
    (Mul(low=1.0, high=0.0), [X, X]),
    (Mul(low=nan), [X, X]),
    (Clamp(low=nan), [X]),
    (Clamp(high=nan), [X]),
    (Clamp(), [BOOLS]),
    (Dense(low=2.0, high=1.0), [X, shaped(4, 5)]),
    (Dense(), [X, shaped(5, 4)]),
    (Dense(), [X, shaped(4, 5), shaped(4)]),
    (MatMul(), [X, shaped(3, 4)]),
    (MatMul(), [X, shaped(4, 5, dtype="float64")]),
    (MatMul(), [X, shaped()]),
    (MatMul(), [shaped(), X]),
    (MatMul(), [BOOLS, BOOLS]),
    (MatMul(), [X, shaped(3, 4, 5)]),
    (Exp(), [INTS]),
    (Abs(), [BOOLS]),
    (Gelu("sigmoid"), [X]),
    (Pow(), [BOOLS, X]),
    (Pow(), [X, BOOLS]),
    (Mod(), [X, INTS]),
    (PRelu(), [X, INTS]),
    (PRelu(), [X, shaped(5, 2, 3, 4)]),
    (PRelu(), [BOOLS, BOOLS]),
    (Less(), [BOOLS, BOOLS]),
    (Equal(), [X, INTS]),
    (And(), [INTS, INTS]),
    (Not(), [X]),
    (BitwiseNot(), [X]),
    (BitShift(), [X, X]),
    (BitShift(), [shaped(2, dtype="uint8"), shaped(2, dtype="uint16")]),
    (IsInf(), [INTS]),
    (Where(), [X, X, X]),
    (Where(), [BOOLS, X, INTS]),
    (Cast("float8"), [X]),
    (Cast("object"), [X]),
    (Concat(3), [X, X]),
    (Concat(-1), [X, X]),
    (Concat(0), [X, INTS]),
    (Concat(0), [X, shaped(2, 3, 5)]),
    (Concat(0), [X, shaped(2, 3)]),
    (Split(1, (1, 1)), [X]),
    (Split(1, (4, -1)), [X]),
    (Split(1, ()), [X]),
    (Split(5, (3,)), [X]),
    (Slice((0,), (1,), (3,), (1,)), [X]),
    (Slice((0,), (1,), (0,), (0,)), [X]),
    (Slice((0, 0), (1, 1), (0, 0), (1, 1)), [X]),
    (Slice((0,), (1, 2), (0,), (1,)), [X]),
    (Pad((1, 1)), [X]),
    (Pad((0,) * 6, "mirror"), [X]),
    (Pad((0,) * 6, value=nan), [X]),
    (Pad((0,) * 6, value=inf), [INTS]),
    (Pad((0,) * 6, value=300.0), [shaped(1, 1, 1, dtype="uint8")]),
    (Pad((0,) * 6, value=2.0), [BOOLS]),
    (Pad((-2, 0, 0, -1, 0, 0)), [X]),
    (Pad((-2, 0, 0, 1, 0, 0), "edge"), [X]),
    (Pad((0, 0, 0, 1, 0, 0), "wrap"), [shaped(0, 1, 1)]),
    (Gather(3), [X, known(0)]),
    (Gather(0), [X, known(2)]),
    (Gather(0), [X, known(-3)]),
    (Gather(0), [X, X]),
    (GatherElements(1), [X, shaped(2, 3, dtype="int64")]),
    (GatherElements(1), [X, shaped(3, 3, 4, dtype="int64")]),
    (GatherElements(4), [X, INTS]),
    (GatherND(), [X, SCALAR]),
    (GatherND(), [X, shaped(2, 4, dtype="int64")]),
    (GatherND(), [X, shaped(2, 0, dtype="int64")]),
    (GatherND(), [X, known(2, 0)]),
    (GatherND(), [X, shaped(2, 2)]),
    (GatherND(2), [X, shaped(2, 1, dtype="int64")]),
    (GatherND(-1), [X, shaped(2, 1, dtype="int64")]),
    (GatherND(1), [X, shaped(3, 1, dtype="int64")]),
    (ScatterElements(0), [X, INTS, INTS]),
    (ScatterElements(0), [X, INTS, shaped(2, 3)]),
    (ScatterElements(0, "xor"), [X, INTS, X]),
    (ScatterElements(0, "add"), [BOOLS, INTS, BOOLS]),
    (ScatterElements(3), [X, INTS, X]),
    (ScatterND(), [X, SCALAR, X]),
    (ScatterND(), [X, known(5, 0), shaped(4)]),
    (ScatterND(), [X, shaped(1, 4, dtype="int64"), shaped(1)]),
    (ScatterND(), [X, shaped(1, 1, dtype="int64"), shaped(1, 3)]),
    (Expand(), [X, shaped(3, dtype="int64")]),
    (Expand(), [X, known(5, 1)]),
    (Expand(), [X, known(-1)]),
    (Expand(), [X, type_of(np.int64(3))]),
    (Expand(), [X, type_of(np.bool_([1]))]),
    (BitwiseAnd(), [shaped(2, dtype="int8"), TensorType("int8", (2,), QParams.per_tensor(0.1, 0))]),
    (Fill(1.0), [known(0, 2**40, 2**40)]),
    (Reshape((0, 2**40, -1, 2**40), True), [shaped(0)]),
    (Not(), [TensorType("int8", (2,), QParams.per_tensor(0.1, 0))]),
    (BitwiseNot(), [TensorType("int8", (2,), QParams.per_tensor(0.1, 0))]),
    (Pad(()), [shaped()]),
    (Fill(1.0, "float8"), [known(2)]),
    (Fill(nan, "int64"), [known(2)]),
    (Fill(-1.0, "uint8"), [known(2)]),
    (Fill(1.0), [known(-2)]),
    (Tile((1, 2)), [X]),
    (Tile((1, 2, -1)), [X]),
    (Range(), [known(1), known(2), known(1)]),
    (Range(), [SCALAR, SCALAR, SCALAR]),
    (Range(), [type_of(np.int64(0)), type_of(np.int64(5)), type_of(np.int64(0))]),
    (Range(), [type_of(np.float32(0)), type_of(np.float32(inf)), type_of(np.float32(1))]),
    (Range(), [type_of(np.float32(0)), type_of(np.float32(5)), type_of(np.float32(nan))]),
    (Range(), [type_of(np.bool_(0)), type_of(np.bool_(1)), type_of(np.bool_(1))]),
    (Trilu(), [shaped(3)]),
    (Trilu(k=2**40), [X]),
    (OneHot(2**60, 0), [INTS, shaped(2)]),
    (OneHot(-1, 0), [INTS, shaped(2)]),
    (OneHot(3, 4), [INTS, shaped(2)]),
    (OneHot(3, 0), [INTS, shaped(3)]),
    (OneHot(3, 0), [BOOLS, shaped(2)]),
    (Reshape((-2, -12)), [X]),
    (Reshape((-1, -1)), [X]),
    (Reshape((5, 0)), [X]),
    (Reshape((0, 0, 0, 0)), [X]),
    (Transpose((0, 1)), [X]),
    (Transpose((0, 1, 1)), [X]),
    (ReverseSequence(0, 0), [X, shaped(2, dtype="int64")]),
    (ReverseSequence(0, 2), [X, shaped(2, dtype="int64")]),
    (ReverseSequence(0, 1), [X, shaped(3, dtype="int64")]),
    (ReverseSequence(0, 1), [X, shaped(2)]),
    (Einsum("ij->ij"), [X]),
    (Einsum("ijk"), [X]),
    (Einsum("ijk->ijk->i"), [X]),
    (Einsum("ijk->ii"), [X]),
    (Einsum("ijk->il"), [X]),
    (Einsum("iik->k"), [X]),
    (Einsum("i...->i"), [X]),
    (Einsum("i......->i..."), [X]),
    (Einsum("ijk,ijk->"), [X]),
    (Einsum("ijk,ijk->"), [X, INTS]),
    (Einsum("...,...->..."), [X, shaped(2, 3, 5)]),
    (Einsum("i j->"), [shaped(2, 2)]),
    (Einsum("ijk->"), [BOOLS]),
]


@pytest.mark.parametrize(("op", "types"), REFUSED, ids=lambda value: str(value)[:60])
def test_infer_refuses(op: Operator, types: list[TensorType]) -> None:
    with pytest.raises(ShapeError):
        infer_types(op, types)


def test_no_input_of_a_variadic_operator_may_be_absent() -> None:
    with pytest.raises(ShapeError, match="found 2"):
        infer_types(Concat(0), [X, None, X])


def test_a_border_in_int8_may_be_any_real_value() -> None:
    known_q = TensorType("int8", (2,), QParams.per_tensor(0.1, 0))
    assert Pad((1, 1), value=-inf).infer(known_q)[0].shape == (4,)
