"""Shape-computing subgraphs: folded while converting; what depends on the batch becomes one Dims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs

X = data(3, 4, 5)
Nodes = Sequence[tuple[str, str, str] | tuple[str, str, str, dict[str, object]]]


def model_with(nodes: Nodes, shape: Sequence[int | str], **constants: Array) -> onnx.ModelProto:
    """A model of x (float32, `shape`) to y; a node is (operator, inputs, output, attributes), names split by spaces."""
    made = [
        helper.make_node(op, inputs.split(), outputs.split(), **(rest[0] if rest else {}))
        for op, inputs, outputs, *rest in nodes
    ]
    graph = helper.make_graph(
        made,
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


INTS = {"zero": np.int64(0), "one": np.int64(1), "two": np.int64(2), "none": np.int64([0]), "first": np.int64([1])}
BATCH: Nodes = [("Shape", "x", "shape"), ("Gather", "shape zero", "n")]
BATCH_VECTOR: Nodes = [*BATCH, ("Unsqueeze", "n none", "batch")]

SUBGRAPHS: dict[str, tuple[Nodes, dict[str, Array]]] = {
    "expand a token": (
        [
            *BATCH_VECTOR,
            ("Concat", "batch minus", "target", {"axis": 0}),
            ("Equal", "target minus2", "free"),
            ("Where", "free ones target", "settled"),
            ("Expand", "token settled", "tokens"),
            ("Concat", "tokens x", "y", {"axis": 1}),
        ],
        {"minus": np.int64([-1, -1]), "minus2": np.int64([-1]), "ones": np.int64([1, 1, 1]), "token": X[:1, :1]},
    ),
    "the larger of two shapes": (
        [
            ("Shape", "x", "shape"),
            ("Max", "shape ones shape", "larger"),
            ("Min", "larger large", "target"),
            ("Expand", "x target", "y"),
        ],
        {"ones": np.int64([1, 1, 5]), "large": np.int64([2**40, 9, 8])},
    ),
    "state of zeros": (
        [
            *BATCH_VECTOR,
            ("Concat", "batch sizes", "target", {"axis": 0}),
            ("ConstantOfShape", "target", "state"),
            ("Add", "x state", "y"),
        ],
        {"sizes": np.int64([4, 5])},
    ),
    "tile": (
        [
            *BATCH_VECTOR,
            ("Concat", "batch ones", "times", {"axis": 0}),
            ("Tile", "token times", "tokens"),
            ("Add", "x tokens", "y"),
        ],
        {"ones": np.int64([1, 1]), "token": X[:1]},
    ),
    "range": (
        [
            *BATCH,
            ("Range", "zero n one", "numbers"),
            ("Cast", "numbers", "real", {"to": TensorProto.FLOAT}),
            ("Reshape", "real column", "rows"),
            ("Add", "x rows", "y"),
        ],
        {"column": np.int64([-1, 1, 1])},
    ),
    "arithmetic": (
        [
            ("Shape", "x", "shape"),
            ("Split", "shape", "n c l", {"axis": 0}),
            ("Mul", "n c", "rows"),
            ("Sub", "rows n", "fewer"),
            ("Add", "fewer n", "again"),
            ("Div", "again c", "batch"),
            ("Mod", "batch first", "nothing"),
            ("Add", "nothing rows", "product"),
            ("Cast", "product", "as_int32", {"to": TensorProto.INT32}),
            ("Cast", "as_int32", "as_int64", {"to": TensorProto.INT64}),
            ("Concat", "as_int64 l", "target", {"axis": 0}),
            ("Reshape", "x target", "y"),
        ],
        {},
    ),
    "slices": (
        [
            ("Shape", "x", "shape"),
            ("Slice", "shape none first", "batch"),
            ("Slice", "x none batch none", "same"),
            ("Slice", "shape first three", "rest"),
            ("Concat", "batch rest", "target", {"axis": 0}),
            ("Reshape", "same target", "y"),
        ],
        {"three": np.int64([3])},
    ),
    "size": ([("Size", "x", "size"), ("Reshape", "size first", "vector"), ("Reshape", "x vector", "y")], {}),
    "conditions": (
        [
            *BATCH_VECTOR,
            ("GreaterOrEqual", "batch first2", "positive"),
            ("Less", "batch none", "negative"),
            ("Not", "negative", "is_not"),
            ("And", "positive is_not", "both"),
            ("Where", "both batch first", "chosen"),
            ("Concat", "chosen rest", "target", {"axis": 0}),
            ("Reshape", "x target", "y"),
        ],
        {"rest": np.int64([-1]), "first2": np.int64([0])},
    ),
}


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_shapes_fold_for_every_batch(name: str) -> None:
    nodes, constants = SUBGRAPHS[name]
    model = model_with(nodes, ("N", 4, 5), **INTS, **constants)
    graph = load_onnx(model)
    assert not {node.op_name for node in graph.nodes} & {"Shape", "Gather", "Equal", "Where", "Mul", "Div", "Cast"} - (
        {"Cast"} if name == "range" else set()
    )
    interpreter = Interpreter(to_program(graph))
    for batch in (1, 3):
        feeds = {"x": X[:batch]}
        (want,), (have,) = reference_outputs(model, feeds), interpreter.run(None, feeds)
        np.testing.assert_allclose(have, want, rtol=1e-6)


CLIPPED: Nodes = [
    *BATCH,
    ("Cast", "x", "whole", {"to": TensorProto.INT64}),
    ("Mul", "n two", "double"),
    ("Sub", "double one", "last"),
    ("Clip", "whole zero last", "inside"),
    ("Clip", "n one", "rows"),
    ("Cast", "rows", "real", {"to": TensorProto.FLOAT}),
    ("Cast", "inside", "places", {"to": TensorProto.FLOAT}),
    ("Mul", "places real", "y"),
]


def test_dimensions_may_be_bounds_and_be_bounded() -> None:
    model = model_with(CLIPPED, ("N", 4, 5), **INTS)
    interpreter = Interpreter(to_program(load_onnx(model)))
    for batch in (1, 3):
        feeds = {"x": 4 * X[:batch]}
        np.testing.assert_array_equal(interpreter.run(None, feeds)[0], reference_outputs(model, feeds)[0])


def test_a_shape_in_float_is_computed_at_run_time() -> None:
    nodes: Nodes = [("Shape", "x", "shape"), ("Cast", "shape", "y", {"to": TensorProto.FLOAT})]
    interpreter = Interpreter(to_program(load_onnx(model_with(nodes, ("N", 4, 5)))))
    assert interpreter(X).tolist() == [3, 4, 5]


@pytest.mark.parametrize(("equation", "operator"), [("nmj,jk->nmk", "Dense"), ("nmj,njk->nkm", "Einsum")])
def test_einsum_with_two_dynamic_dimensions(equation: str, operator: str) -> None:
    nodes: Nodes = [("Einsum", "x w", "y", {"equation": equation})]
    weight = data(5, 2) if operator == "Dense" else data(3, 5, 2)
    model = model_with(nodes, ("N", "M", 5) if operator == "Dense" else (3, "M", 5), w=weight)
    graph = load_onnx(model)
    (want,) = reference_outputs(model, {"x": X})
    np.testing.assert_allclose(Interpreter(to_program(graph))(X), want, rtol=1e-5, atol=1e-5)


def test_einsum_that_would_merge_two_dynamic_dimensions() -> None:
    nodes: Nodes = [("Einsum", "x x", "y", {"equation": "abj,abj->jab"})]
    model = model_with(nodes, ("N", "M", 5))
    (want,) = reference_outputs(model, {"x": X})
    np.testing.assert_allclose(Interpreter(to_program(load_onnx(model)))(X), want, rtol=1e-5, atol=1e-5)
    nodes = [("Transpose", "x", "t", {"perm": [2, 1, 0]}), ("Einsum", "x t", "y", {"equation": "nmj,jlo->nmlo"})]
    model = model_with(nodes, ("N", "M", 5))
    graph = load_onnx(model)
    assert {"MatMul", "ReshapeTo"} <= {node.op_name for node in graph.nodes}
    (want,) = reference_outputs(model, {"x": X})
    np.testing.assert_allclose(Interpreter(to_program(graph))(X), want, rtol=1e-5, atol=1e-5)


def test_a_large_tensor_of_one_value_lives_in_the_arena() -> None:
    nodes: Nodes = [*BATCH_VECTOR, ("Concat", "batch sizes", "target", {"axis": 0}), ("ConstantOfShape", "target", "y")]
    graph = load_onnx(model_with(nodes, ("N", 4, 5), **INTS, sizes=np.int64([1 << 21])))
    found = Interpreter(to_program(graph))(X)
    assert found.shape == (3, 1 << 21)
    assert not found.any()


UNKNOWN: dict[str, tuple[Nodes, dict[str, Array]]] = {
    "bounds from data": ([("Cast", "x", "k", {"to": TensorProto.INT64}), ("Slice", "x k k", "y")], {}),
    "shape from data": ([("Cast", "x", "k", {"to": TensorProto.INT64}), ("ConstantOfShape", "k", "y")], {}),
    "expand by data": ([("Cast", "x", "k", {"to": TensorProto.INT64}), ("Expand", "x k", "y")], {}),
    "empty and unknown": ([*BATCH_VECTOR, ("Concat", "batch none", "target", {"axis": 0}),
                           ("Reshape", "x target", "y", {"allowzero": 1})], {}),
    "pads from data": ([("Cast", "x", "k", {"to": TensorProto.INT64}), ("Pad", "x k", "y")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_only_known_at_run_time_is_refused(name: str) -> None:
    nodes, constants = UNKNOWN[name]
    with pytest.raises(EdgeconvError):
        load_onnx(model_with(nodes, ("N", 4, 5), **INTS, **constants))


FROM_SHAPES: dict[str, tuple[Nodes, dict[str, Array]]] = {
    "tile beyond ones": ([*BATCH_VECTOR, ("Concat", "batch two2", "t", {"axis": 0}), ("Tile", "x t", "y")],
                         {"two2": np.int64([2, 2])}),
    "range from the middle": ([*BATCH, ("Range", "one n one", "y")], {}),
    "relation unknown": ([*BATCH, ("Less", "n two", "c"), ("Where", "c n two", "m"), ("Range", "zero m one", "y")], {}),
    "border from data": ([("ReduceMax", "x", "value", {"keepdims": 0}), ("Pad", "x pads value", "y")],
                         {"pads": np.int64([0, 1, 0] * 2)}),
    "split a dynamic dimension": ([("Split", "x", "z y")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FROM_SHAPES)
def test_sizes_that_only_the_runtime_can_tell(name: str) -> None:
    nodes, constants = FROM_SHAPES[name]
    model = model_with(nodes, ("N", 4, 5), **INTS, **constants)
    interpreter = Interpreter(to_program(load_onnx(model)))
    for x in (data(4, 4, 5), data(2, 4, 5)):
        (want,) = reference_outputs(model, {"x": x}, "onnxruntime")
        np.testing.assert_array_equal(interpreter(x), want)


def test_two_dynamic_dimensions_change_places_in_a_reshape() -> None:
    order: Nodes = [("Shape", "x", "shape"), ("Gather", "shape turned", "target"), ("Reshape", "x target", "y")]
    model = model_with(order, ("N", "M", 5), turned=np.int64([1, 0, 2]))
    interpreter = Interpreter(to_program(load_onnx(model)))
    for x in (X, X[:1], X[:, :2]):
        (want,) = reference_outputs(model, {"x": x})
        assert np.array_equal(interpreter(x), want)
