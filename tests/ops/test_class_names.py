"""Classes with names: the device has no strings, so labels become numbers, and a note says which is which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import edgeconv
from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.importer import load_onnx
from edgeconv.model import open_model
from edgeconv.report.inspection import inspect_program
from edgeconv.report.inspection_content import inspection_document
from edgeconv.report.text import render_text
from edgeconv.runtime import Interpreter
from tests.cases.svm import _machine
from tests.cases.tree_ensemble import CASES as TREES
from tests.harness import Case, data, model_of

ML = "ai.onnx.ml"
X = data(6, 3)
NAMES = ["setosa", "versicolor", "virginica"]
LINEAR = {"coefficients": data(9).tolist(), "intercepts": [0.1, 0.2, 0.3], "classlabels_strings": NAMES}
THREE = next(case for case in TREES if case.name == "none_three").attributes
SVM = {key: value for key, value in _machine(3, probabilities=True).items() if key != "classlabels_ints"}


def _without(fields: Any, name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def _judged(case: Case, names: list[str]) -> Array:
    """ONNX Runtime's labels as positions in `names`."""
    from onnxruntime import InferenceSession

    label = InferenceSession(model_of(case).SerializeToString()).run(None, {"input0": case.inputs[0]})[0]
    return np.array([names.index(each) for each in label])


@pytest.mark.parametrize(
    ("op", "fields", "x"),
    [
        ("LinearClassifier", LINEAR, X),
        (
            "LinearClassifier",
            {"coefficients": [1.0, 2.0, 0.5], "intercepts": [0.1], "classlabels_strings": NAMES[:2]},
            X,
        ),
        ("TreeEnsembleClassifier", _without(THREE, "classlabels_int64s") | {"classlabels_strings": NAMES}, data(6, 4)),
        ("SVMClassifier", SVM | {"classlabels_strings": NAMES}, X),
    ],
)
def test_labels_are_the_numbers_of_the_classes(op: str, fields: dict[str, Any], x: Array) -> None:
    case = Case("names", op, (x,), fields, outputs=2, domain=ML)
    graph = load_onnx(model_of(case))
    found = Interpreter(edgeconv.convert(graph, precision="fp32").program).run(["output0"], {"input0": x})
    np.testing.assert_array_equal(found[0], _judged(case, fields["classlabels_strings"]))
    (note,) = graph.notes
    assert op in note
    assert "0 'setosa', 1 'versicolor'" in note


def _classifier_with_zip_map() -> Any:
    nodes = [
        helper.make_node("LinearClassifier", ["x"], ["label", "scores"], name="linear", domain=ML, **LINEAR),
        helper.make_node("Normalizer", ["scores"], ["shares"], domain=ML, norm="L1"),
        helper.make_node("ZipMap", ["shares"], ["probability"], name="zip", domain=ML, classlabels_strings=NAMES),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, ["N"])]
    key = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs.append(helper.make_value_info("probability", helper.make_sequence_type_proto(key)))
    graph = helper.make_graph(nodes, "iris", [x], outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def test_zip_map_is_dropped_and_the_user_is_told() -> None:
    model = edgeconv.convert(_classifier_with_zip_map(), precision="fp32")
    assert model.program.tensors[model.program.outputs[1]].type.shape[1] == 3
    assert len(model.warnings) == 2
    assert "matrix of probabilities" in model.warnings[1]
    opened = open_model(model.to_bytes())
    text = render_text(inspection_document(inspect_program(opened.interpreter.program, "iris.edge", None)))
    assert "LinearClassifier 'linear'" in text
    assert "ZipMap 'zip'" in text


def test_label_encoder_to_names_gives_their_numbers() -> None:
    fields = {"keys_int64s": [7, 3], "values_strings": ["b", "a"], "default_string": "other"}
    case = Case("names", "LabelEncoder", (np.array([3, 7, 9]),), fields, domain=ML, domain_opset=2)
    graph = load_onnx(model_of(case))
    assert "0 'b', 1 'a', 2 'other'" in graph.notes[0]
    (found,) = Interpreter(edgeconv.convert(graph, precision="fp32").program).run(None, {"input0": case.inputs[0]})
    np.testing.assert_array_equal(found, [1, 0, 2])


INTS = np.array([[1, 2]])
REFUSED = [
    ("LabelEncoder", INTS, {"keys_strings": ["a"], "values_int64s": [1]}, 2, "no string tensors"),
    ("LabelEncoder", INTS, {"keys_int64s": [1, 2], "values_int64s": [1]}, 2, "2 keys and 1 values"),
    ("LabelEncoder", INTS, {}, 2, "no keys"),
    ("OneHotEncoder", INTS, {"cats_strings": ["a"]}, 1, "categories are strings"),
    ("CategoryMapper", INTS, {"cats_strings": ["a", "b"], "cats_int64s": [1]}, 1, "2 names for 1 numbers"),
    ("CastMap", INTS, {"cast_to": "TO_FLOAT"}, 1, "reads a map"),
    ("DictVectorizer", INTS, {"int64_vocabulary": [1]}, 1, "reads a map"),
    ("Normalizer", X, {"norm": "L7"}, 1, "L7"),
    ("Scaler", X, {"offset": [1.0, 2.0]}, 1, "2 numbers for the features of"),
    ("Imputer", X, {"imputed_value_floats": [1.0, 2.0]}, 1, "2 numbers for the features of"),
    ("FeatureVectorizer", X, {"inputdimensions": [1, 2]}, 1, "2 inputdimensions"),
    ("LinearRegressor", X, {"coefficients": [1.0, 2.0], "targets": 3}, 1, "do not fit 3 targets"),
    ("LinearClassifier", X, {"coefficients": [1.0, 2.0]}, 1, "no class labels"),
    ("LinearRegressor", data(2, 3, 4), {"coefficients": [1.0]}, 1, "rows of features"),
    (
        "SVMRegressor",
        X,
        {"coefficients": [1.0], "rho": [1.0], "n_supports": 2, "support_vectors": [1.0]},
        1,
        "support vectors",
    ),
    ("SVMClassifier", X, SVM | {"classlabels_ints": [1, 2]}, 1, "2 classes"),
    ("SVMClassifier", X, {"coefficients": [1.0] * 6, "rho": [0.0], "classlabels_ints": [1, 2]}, 1, "LinearClassifier"),
]


@pytest.mark.parametrize(
    ("op", "x", "fields", "version", "match"), REFUSED, ids=[f"{entry[0]}-{entry[4]}" for entry in REFUSED]
)
def test_refused(op: str, x: Array, fields: dict[str, Any], version: int, match: str) -> None:
    case = Case("refused", op, (x,), fields, domain=ML, domain_opset=version)
    with pytest.raises(EdgeconvError, match=match):
        load_onnx(model_of(case))


def test_strings_as_input_are_refused_with_a_way_on() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.STRING, ["N"])
    y = helper.make_tensor_value_info("y", TensorProto.STRING, ["N"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "words", [x], [y])
    with pytest.raises(EdgeconvError, match=r"'y' is strings from an input; .* compute on the host what comes"):
        load_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
