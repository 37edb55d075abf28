"""Trees: what no sound file or model has is refused, deep ones are walked, int8 leaves them in float."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgeconv.core import Array, TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.ops.base import ShapeError, infer_types
from edgeconv.ops.tree_ensemble import TreeEnsemble
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Tensor
from tests.cases.tree_ensemble import CASES, ML
from tests.harness import Case, data, feeds_of, model_of

X = TensorType("float32", (symbol("N"), 3))
STUMP: dict[str, Array] = {
    "features": np.array([0, 2], np.int32),
    "thresholds": np.array([0.5, -1.0], np.float32),
    "missing": np.array([False, True]),
    "branches": np.array([[1, 2], [3, 4]], np.int32),
    "roots": np.array([0, 4], np.int32),
    "targets": np.array([[0], [1], [0]], np.int32),
    "weights": np.array([[0.5], [1.0], [2.0]], np.float32),
}
HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("feature", {"features": np.array([0, 3], np.int32)}, "features leave"),
    ("negative feature", {"features": np.array([-1, 0], np.int32)}, "features leave"),
    ("many features", {"features": np.array([0, 1, 2], np.int32)}, "features must be"),
    ("feature dtype", {"features": np.array([0.0, 1.0], np.float32)}, "features must be"),
    ("threshold dtype", {"thresholds": np.array([0.5, 1.0])}, "thresholds must be"),
    ("loop", {"branches": np.array([[1, 2], [0, 4]], np.int32)}, "branches leave"),
    ("self", {"branches": np.array([[0, 2], [3, 4]], np.int32)}, "branches leave"),
    ("far branch", {"branches": np.array([[1, 2], [3, 5]], np.int32)}, "branches leave"),
    ("branch shape", {"branches": np.array([1, 2], np.int32)}, "branches must be"),
    ("far root", {"roots": np.array([5], np.int32)}, "roots leave"),
    ("negative root", {"roots": np.array([-1], np.int32)}, "roots leave"),
    ("no roots", {"roots": np.zeros(0, np.int32)}, "needs trees"),
    ("target", {"targets": np.array([[0], [2], [0]], np.int32)}, "targets leave"),
    ("negative target", {"targets": np.array([[0], [-1], [0]], np.int32)}, "targets leave"),
    ("target shape", {"targets": np.array([[0], [1]], np.int32)}, "targets must be"),
    ("weight dtype", {"weights": np.array([[1], [2], [3]])}, "weights must be"),
    ("weight rank", {"weights": np.array([1, 2, 3], np.float32), "targets": np.zeros(3, np.int32)}, "table of weights"),
    ("missing dtype", {"missing": np.array([0, 1], np.int32)}, "missing must be"),
]


def _types(changes: dict[str, Any]) -> list[TensorType]:
    return [X, *(type_of(array) for array in (STUMP | changes).values())]


@pytest.mark.parametrize(("changes", "match"), [entry[1:] for entry in HOSTILE], ids=[entry[0] for entry in HOSTILE])
def test_tables_that_lead_astray_are_refused(changes: dict[str, Any], match: str) -> None:
    infer_types(TreeEnsemble(2), _types({}))
    with pytest.raises(ShapeError, match=match):
        infer_types(TreeEnsemble(2), _types(changes))


def test_attributes_and_inputs_that_do_not_fit_are_refused() -> None:
    for op in (TreeEnsemble(0), TreeEnsemble(2, "MEDIAN")):
        with pytest.raises(ShapeError, match="needs rows"):
            infer_types(op, _types({}))
    for x in (TensorType("float32", (3,)), TensorType("int64", (2, 3))):
        with pytest.raises(ShapeError):
            infer_types(TreeEnsemble(2), [x, *_types({})[1:]])
    computed = [TensorType(known.dtype, known.shape) for known in _types({})]
    with pytest.raises(ShapeError, match="must be a constant"):
        infer_types(TreeEnsemble(2), computed)


def test_a_file_whose_tables_are_damaged_is_refused_or_runs() -> None:
    """Every table of a real ensemble with one number changed: the reader says no, or the interpreter survives it."""
    program, refused = to_program(load_onnx(model_of(CASES[0]))), 0
    places = next(step for step in program.steps if isinstance(step.op, TreeEnsemble)).inputs[1:]
    for place in places:
        for number in (-1, 5, 1 << 30):
            value = np.array(program.tensors[place].type.value)
            value.flat[value.size // 2] = np.asarray(number).astype(value.dtype)
            tensors = list(program.tensors)
            tensors[place] = Tensor(tensors[place].name, replace(tensors[place].type, value=value))
            try:
                Interpreter(to_bytes(replace(program, tensors=tuple(tensors)))).run(None, feeds_of(CASES[0]))
            except InvalidModelError:
                refused += 1
    assert refused >= 8


def _chain(depth: int, **changes: Any) -> Case:
    """A tree that asks x <= 0, x <= 1, ...; its leaves are numbered by how far a row came."""
    inner, numbers = np.arange(depth), [*range(2 * depth + 1)]
    fields: dict[str, Any] = {
        "nodes_treeids": [0] * (2 * depth + 1),
        "nodes_nodeids": numbers,
        "nodes_featureids": [0] * (2 * depth + 1),
        "nodes_modes": ["BRANCH_LEQ"] * depth + ["LEAF"] * (depth + 1),
        "nodes_values": [*map(float, inner), *[0.0] * (depth + 1)],
        "nodes_truenodeids": [*(inner + depth).tolist(), *[0] * (depth + 1)],
        "nodes_falsenodeids": [*(inner[1:]).tolist(), 2 * depth, *[0] * (depth + 1)],
        "target_treeids": [0] * (depth + 1),
        "target_nodeids": numbers[depth:],
        "target_ids": [0] * (depth + 1),
        "target_weights": [float(each) for each in range(depth + 1)],
        "n_targets": 1,
    }
    x = np.array([[-1.0], [0.5], [depth / 2], [depth * 2]], np.float32)
    return Case("chain", "TreeEnsembleRegressor", (x,), fields | changes, domain=ML, domain_opset=3)


def test_a_deep_tree_is_walked() -> None:
    case = _chain(3000)
    (found,) = Interpreter(to_program(load_onnx(model_of(case)))).run(None, feeds_of(case))
    np.testing.assert_array_equal(found[:, 0], [0, 1, 1500, 3000])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"nodes_nodeids": [0] * 7}, "twice"),
        ({"nodes_modes": ["BRANCH_LEQ"] * 7}, "back to itself"),
        ({"nodes_falsenodeids": [0, 0, 6, 0, 0, 0, 0]}, "back to itself"),
        ({"nodes_falsenodeids": [9, 2, 6, 0, 0, 0, 0]}, "not there"),
        ({"nodes_modes": ["BRANCH_ALMOST"] * 7}, "BRANCH_ALMOST"),
        ({"nodes_values": [0.0]}, "do not fit together"),
        ({"nodes_values": [float("nan")] * 7}, "not a number"),
        ({"nodes_unheard_of": [1]}, "unheard_of"),
        ({"nodes_missing_value_tracks_true": [1]}, "flags for missing"),
        ({"target_ids": [0, 0, 0, 4]}, "target 4 of 1"),
        ({"target_ids": [0, 0]}, "different lengths"),
        ({"target_nodeids": [3, 4, 5, 99]}, "not there"),
        ({"aggregate_function": "MIN", "target_nodeids": [3, 4, 5, 5]}, "no minimum"),
        ({"aggregate_function": "MEDIAN"}, "MEDIAN"),
        ({"post_transform": "CUBE", "n_targets": 2}, "CUBE"),
    ],
)
def test_trees_that_are_none_are_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(EdgeconvError, match=match):
        load_onnx(model_of(_chain(3, **changes)))


@pytest.mark.parametrize("name", ["none_three", "logistic_two_mixed"])
def test_int8_leaves_trees_in_float_and_says_why(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    graph = simplify(load_onnx(model_of(case)))
    result = quantize(graph, [feeds_of(case)], QuantConfig(method="minmax"))
    assert all(result.types[node.outputs[0]].q is None for node in result.nodes)
    assert "int8 steps could not tell apart" in " ".join(result.float_reasons.values())


def test_rows_are_walked_in_parts() -> None:
    """More rows and trees than are walked at once: the same numbers as row by row."""
    case = CASES[0]
    interpreter = Interpreter(to_program(load_onnx(model_of(case))))
    x = data(40_000, 4, seed=11)
    (whole,) = interpreter.run(None, {"input0": x})
    for start in (0, 16_300, 39_990):
        (part,) = interpreter.run(None, {"input0": x[start : start + 10]})
        np.testing.assert_array_equal(whole[start : start + 10], part)


_NEWEST = next(case for case in CASES if case.op_type == "TreeEnsemble")
_CLASSIFIER = next(case for case in CASES if case.op_type == "TreeEnsembleClassifier")
REFUSED = {
    "no mode": (_NEWEST, {"nodes_modes": np.uint8([9] * len(_NEWEST.attributes["nodes_featureids"]))}),
    "different lengths": (_NEWEST, {"nodes_falseleafs": [1]}),
    "sets of members": (_NEWEST, {"membership_values": np.float32([1, np.nan] * 50)}),
    "have no agreed meaning": (_CLASSIFIER, {"base_values": [0.5] * 7}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_no_importer_understands(words: str) -> None:
    case, more = REFUSED[words]
    with pytest.raises(EdgeconvError, match=words):
        load_onnx(model_of(replace(case, attributes={**case.attributes, **more})))
