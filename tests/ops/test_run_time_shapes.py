"""Shapes that only data tells: operators whose sizes are computed, and what depends on them, for changing data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.core import Array, TensorType
from edgeconv.dims import is_counted
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.ops.axes import sizes_of
from edgeconv.ops.base import ShapeError
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs

Nodes = Sequence[tuple[str, str, str] | tuple[str, str, str, dict[str, object]]]
ONE, TWO = np.int64([1]), np.int64([2])
CONSTANTS = {
    "zero": np.int64(0),
    "one": np.int64(1),
    "none": np.int64([0]),
    "first": ONE,
    "two": TWO,
    "rest": np.int64([-1]),
    "half": np.float32(0.5),
    "axes": np.int64([0, 1]),
    "eight": np.int64([8, 9]),
    "onoff": np.float32([-1, 2]),
}
COUNT: Nodes = [("ReduceSum", "k", "n", {"keepdims": 0}), ("Unsqueeze", "n none", "v")]
"""n: a number that k holds, v: the same as a vector."""
SHAPES: dict[str, Nodes] = {
    "range": [("Range", "zero n one", "y")],
    "range of vectors": [("Range", "none v first", "y")],
    "fill": [("Concat", "v two", "s", {"axis": 0}), ("ConstantOfShape", "s", "y")],
    "reshape": [("Concat", "v rest", "s", {"axis": 0}), ("Reshape", "x s", "y")],
    "reshape, a dimension kept": [("Unsqueeze", "x two", "x1"), ("Concat", "v rest none", "s", {"axis": 0}),
                                  ("Reshape", "x1 s", "y")],
    "expand": [("Unsqueeze", "x none", "x1"), ("Concat", "v first first", "s", {"axis": 0}), ("Expand", "x1 s", "y")],
    "tile": [("Concat", "v two", "s", {"axis": 0}), ("Tile", "x s", "y")],
    "slice": [("Slice", "x none v first", "y")],
    "slice from there": [("Sub", "none v", "b"), ("Slice", "x b rest", "y")],
    "top k": [("TopK", "x v", "y places", {"axis": 0})],
    "smallest k": [("TopK", "x v", "values y", {"axis": 0, "largest": 0})],
    "one hot": [("OneHot", "k v onoff", "y")],
    "pad": [("Concat", "none v v none", "p", {"axis": 0}), ("Pad", "x p half", "y")],
    "reflect": [("Concat", "first none none none", "p0", {"axis": 0}), ("Mul", "p0 v", "p"),
                ("Pad", "x p", "y", {"mode": "reflect"})],
    "split": [("Sub", "six v", "w"), ("Concat", "v w", "s", {"axis": 0}), ("Split", "x s", "a y", {"axis": 0})],
    "resize to sizes": [("Unsqueeze", "x axes", "m"), ("Mul", "v eight", "hw"),
                        ("Concat", "first first hw", "s", {"axis": 0}), ("Resize", "m   s", "y", {"mode": "linear"})],
    "resize by scales": [("Unsqueeze", "x axes", "m"), ("Cast", "v", "f", {"to": TensorProto.FLOAT}),
                         ("Concat", "unit unit f f", "s", {"axis": 0}), ("Resize", "m  s", "y")],
    "what is large": [("Greater", "x half", "m"), ("NonZero", "m", "p"), ("Transpose", "p", "t"),
                      ("GatherND", "x t", "y")],
    "rows that are large": [("ReduceMax", "x", "top", {"axes": [1], "keepdims": 0}), ("Greater", "top half", "m"),
                            ("Compress", "x m", "c", {"axis": 0}), ("ReduceSum", "c minus", "y", {"keepdims": 0})],
    "shape of what is found": [("NonZero", "k", "p"), ("Shape", "p", "s"), ("Slice", "s first two", "c"),
                               ("Expand", "half c", "y")],
    "written back": [("Greater", "x half", "m"), ("NonZero", "m", "p"), ("Transpose", "p", "t"),
                     ("GatherND", "x t", "g"), ("Neg", "g", "h"), ("ScatterND", "x t h", "y")],
}  # fmt: skip
X = data(6, 4)
FEEDS = [np.int64([1, 2]), np.int64([1, 0]), np.int64([2, 2]), np.int64([2, 0])]


def _model(nodes: Nodes, constants: Mapping[str, Array]) -> onnx.ModelProto:
    made = [
        helper.make_node(op, inputs.split(" "), outputs.split(), **(rest[0] if rest else {}))
        for op, inputs, outputs, *rest in nodes
    ]
    read = {name for node in made for name in node.input}
    given = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4]),
        helper.make_tensor_value_info("k", TensorProto.INT64, [2]),
    ]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in read]
    graph = helper.make_graph(made, "sizes", given, [onnx.ValueInfoProto(name="y")], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


@pytest.mark.parametrize("memory", ["fast", "small"])
@pytest.mark.parametrize("name", SHAPES)
def test_sizes_computed_from_data(name: str, memory: str) -> None:
    constants = {**CONSTANTS, "six": np.int64([6]), "unit": np.float32([1]), "minus": np.int64([1])}
    model = _model([*COUNT, *SHAPES[name]], constants)
    graph = simplify(load_onnx(model))
    assert any(is_counted(dim) for known in graph.types.values() for dim in known.shape)
    interpreter = Interpreter(to_bytes(to_program(graph)), memory=memory)
    for k in (*FEEDS, *FEEDS):
        feeds = {"x": X, "k": k}
        (want,) = reference_outputs(model, feeds, "onnxruntime")
        (have,) = interpreter.run(None, feeds)
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def test_equal_parts_of_a_dimension_that_is_open() -> None:
    model = _model([("Split", "x", "a b y", {"axis": 0})], {})
    interpreter = Interpreter(to_bytes(to_program(simplify(load_onnx(model)))))
    for rows in (6, 9, 3):
        x = data(rows, 4)
        (want,) = reference_outputs(model, {"x": x, "k": ONE.repeat(2)}, "onnxruntime")
        np.testing.assert_array_equal(interpreter(x, ONE.repeat(2)), want)


def test_the_last_plans_are_kept() -> None:
    nodes: Nodes = [*COUNT, ("Range", "zero n one", "r"), ("Mul", "r n", "y")]
    interpreter = Interpreter(to_program(load_onnx(_model(nodes, CONSTANTS))))
    plans = []
    for size in (3, 5, 3, 40, 3):
        assert interpreter(X, np.int64([size, 0])).shape == (size,)
        follow = interpreter.plan_for([X.shape, (2,)]).next
        assert follow is not None
        plans.append(follow.plan)
    assert plans[0] is plans[2] is plans[4]
    assert plans[0] is not plans[1]


def test_a_billion_sizes_are_refused_at_once() -> None:
    with pytest.raises(ShapeError, match="more sizes than a tensor has dimensions"):
        sizes_of(TensorType("int64", (10**9,)), "n")
