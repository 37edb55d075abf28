"""Dimensions that follow from several others, or that a model casts to float on the way: detectors with open sizes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from edgeconv.core import Array, TensorType
from edgeconv.dims import symbol
from edgeconv.export.program import to_program
from edgeconv.graph.shapes import any_shape_expression
from edgeconv.importer import load_onnx
from edgeconv.ops.base import Ref, ShapeError, infer_types
from edgeconv.ops.shape_formula import ADD, CONSTANT, DIMENSION, DIVIDE, MULTIPLY, ShapeFormula
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs
from tests.ops.test_dynamic_shapes import INTS, Nodes, model_with

REAL = {"to": TensorProto.FLOAT}
WHOLE = {"to": TensorProto.INT64}
SIDES: Nodes = [("Shape", "x", "shape"), ("Split", "shape", "n h w", {"axis": 0})]
CONSTANTS = {"half": np.float32(0.5), "five": np.float32(5), "minus": np.int64([-1]), "three": np.int64([3])}

MODELS: dict[str, Nodes] = {
    "a product in the middle": [
        *SIDES,
        ("Mul", "n h", "rows"),
        ("Concat", "first rows w", "target", {"axis": 0}),
        ("Reshape", "x target", "y"),
    ],
    "a quotient of a product": [
        *SIDES,
        ("Mul", "h w", "area"),
        ("Div", "area three", "third"),
        ("Concat", "n third", "target", {"axis": 0}),
        ("ConstantOfShape", "target", "y"),
    ],
    "expand to sizes that cannot be -1": [
        *SIDES,
        ("Add", "h first", "taller"),
        ("Div", "taller three", "third"),
        ("Concat", "third w", "target", {"axis": 0}),
        ("Equal", "target minus", "free"),
        ("Where", "free first target", "settled"),
        ("Expand", "five settled", "y"),
    ],
    "a range over a real number": [
        *SIDES,
        ("Squeeze", "w", "scalar"),
        ("Cast", "scalar", "real", REAL),
        ("Range", "nought real unit", "columns"),
        ("Add", "x columns", "y"),
    ],
    "a range from one size to the sum of two": [
        *SIDES,
        ("Squeeze", "h", "first_one"),
        ("Add", "h w", "sum"),
        ("Squeeze", "sum", "last"),
        ("Range", "first_one last one", "places"),
        ("Cast", "places", "numbers", REAL),
        ("Add", "x numbers", "y"),
    ],
    "rows and one more split again": [
        *SIDES,
        ("Div", "h three", "thirds"),
        ("Add", "thirds first", "more"),
        ("Concat", "more n", "pair", {"axis": 0}),
        ("Expand", "five pair", "grid"),
        ("Reshape", "grid minus", "flat"),
        ("Concat", "more n minus", "split", {"axis": 0}),
        ("Reshape", "flat split", "y"),
    ],
    "half the height, rounded down": [
        *SIDES,
        ("Cast", "h", "real", REAL),
        ("Mul", "half real", "halved"),
        ("Floor", "halved", "low"),
        ("Cast", "low", "target", WHOLE),
        ("Expand", "five target", "y"),
    ],
    "half the height, rounded up, and back": [
        *SIDES,
        ("Cast", "h", "real", REAL),
        ("Mul", "real half", "halved"),
        ("Ceil", "halved", "high"),
        ("Div", "high half", "more"),
        ("Sub", "more five", "less"),
        ("Add", "less five", "again"),
        ("Cast", "again", "target", WHOLE),
        ("Expand", "five target", "y"),
    ],
    "a ratio of two sides times one of them": [
        *SIDES,
        ("Cast", "h", "tall", REAL),
        ("Cast", "w", "wide", REAL),
        ("Div", "tall wide", "ratio"),
        ("Mul", "wide ratio", "all"),
        ("Cast", "all", "target", WHOLE),
        ("Expand", "five target", "y"),
    ],
}


@pytest.mark.parametrize("name", MODELS)
def test_it_runs_at_every_size(name: str) -> None:
    constants = INTS | CONSTANTS | {"nought": np.float32(0), "unit": np.float32(1)}
    model = model_with(MODELS[name], ("N", "H", "W"), **constants)
    interpreter = Interpreter(to_program(load_onnx(model)))
    for shape in ((2, 5, 6), (1, 7, 3), (3, 4, 9)):
        x = data(*shape)
        (want,), (have,) = reference_outputs(model, {"x": x}), interpreter.run(None, {"x": x})
        np.testing.assert_array_equal(have, want)


def test_a_quotient_that_is_no_dimension_is_computed() -> None:
    nodes: Nodes = [
        *SIDES,
        ("Cast", "h", "a", REAL),
        ("Cast", "w", "b", REAL),
        ("Div", "a b", "q"),
        ("Add", "x q", "y"),
    ]
    x = data(2, 5, 6)
    found = Interpreter(to_program(load_onnx(model_with(nodes, ("N", "H", "W")))))(x)
    np.testing.assert_allclose(found, x + np.float32(5 / 6), rtol=1e-6)


X: Array = data(2, 3)


@pytest.mark.parametrize(
    ("code", "shape", "what"),
    [
        ((CONSTANT, 1), (1,), "not three each"),
        ((ADD, 0, 0), (1,), "do not fit"),
        ((DIMENSION, 0, 5), (1,), "do not fit"),
        ((DIMENSION, 7, 0), (1,), "do not fit"),
        ((CONSTANT, 1, 0, CONSTANT, 0, 0, DIVIDE, 0, 0), (1,), "do not fit"),
        ((CONSTANT, 1, 0, CONSTANT, 0, 0, 9, 0, 0), (1,), "not known"),
        ((CONSTANT, 1, 0) * 5000, (5000,), "not three each"),
        ((CONSTANT, 1, 0), (2,), "do not fit"),
    ],
)
def test_a_formula_that_means_nothing_is_refused(code: tuple[int, ...], shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        infer_types(ShapeFormula(code, shape), [TensorType("float32", X.shape)])


def test_run_follows_the_code() -> None:
    words = ((DIMENSION, 0, 1), (DIMENSION, 1, 0), (MULTIPLY, 0, 0), (CONSTANT, 1, 0), (ADD, 0, 0), (CONSTANT, 2, 0))
    code = tuple(number for word in (*words, (DIVIDE, 0, 0)) for number in word)
    assert ShapeFormula(code, (1,)).run(X, data(5)).tolist() == [8]


def test_dimensions_that_have_no_name_of_their_own_differ() -> None:
    model = model_with([("Transpose", "x", "y", {"perm": [0, 2, 1]})], ("?", "?", "?"))
    assert len(set(map(str, load_onnx(model).types["x"].shape))) == 3


def test_what_inputs_tell_asks_nothing_else() -> None:
    """Looking through all values for each shape made long networks with an open batch slow to import."""
    rows = symbol("N")
    x = Ref("x", TensorType("float32", (rows, 3)))
    value = np.array([rows, 7], object)
    found = any_shape_expression(value, "int64", [x], lambda: pytest.fail("asked for the computed values"))
    assert found is not None and found.inputs == (x,)
    other = Ref("y", TensorType("float32", (symbol("M"),)))
    found = any_shape_expression(np.array([symbol("M")], object), "int64", [x], lambda: [other])
    assert found is not None and found.inputs == (other,)
