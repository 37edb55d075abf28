"""NaN in samples: a missing value where an operator of the model gives it a meaning, a mistake elsewhere."""

from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession

import edgeconv
from edgeconv.core import Array
from edgeconv.errors import DataError
from edgeconv.runtime import Interpreter
from tests.cli.conftest import Command

_FEATURES = 4


def _samples() -> Array:
    dice = np.random.default_rng(3)
    x = dice.normal(size=(64, _FEATURES)).astype(np.float32)
    x[dice.uniform(size=x.shape) < 0.15] = np.nan
    return x


def _model(*nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    dice = np.random.default_rng(4)
    weights = {"w": dice.normal(size=(_FEATURES, 8)), "v": dice.normal(size=(8, 3)), "m": dice.normal(size=(1, 4))}
    graph = helper.make_graph(
        list(nodes), "gaps",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", _FEATURES])],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


_IMPUTER = helper.make_node("Imputer", ["x"], ["i"], domain="ai.onnx.ml", imputed_value_floats=[0.5, -1.0, 0.0, 2.0],
                            replaced_value_float=np.nan)  # fmt: skip
_LAYERS = [helper.make_node("MatMul", ["i", "w"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
           helper.make_node("MatMul", ["r", "v"], ["y"])]  # fmt: skip
_TREE = helper.make_node(
    "TreeEnsembleRegressor", ["s"], ["y"], domain="ai.onnx.ml", n_targets=1, nodes_treeids=[0] * 5,
    nodes_nodeids=[0, 1, 2, 3, 4], nodes_featureids=[0, 2, 0, 0, 0], nodes_values=[0.1, -0.2, 0.0, 0.0, 0.0],
    nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"], nodes_truenodeids=[1, 3, 0, 0, 0],
    nodes_falsenodeids=[2, 4, 0, 0, 0], nodes_missing_value_tracks_true=[1, 0, 0, 0, 0], target_treeids=[0] * 3,
    target_nodeids=[2, 3, 4], target_ids=[0] * 3, target_weights=[1.0, 2.0, -4.0],
)  # fmt: skip
_SCALER = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[0.1] * 4, scale=[0.5, 2.0, 1.0, 1.0])

READING = {
    "imputed": _model(_IMPUTER, *_LAYERS),
    "a tree behind a scaler": _model(_SCALER, _TREE),
    "asked for": _model(
        helper.make_node("IsNaN", ["x"], ["n"]), helper.make_node("Where", ["n", "m", "x"], ["i"]), *_LAYERS
    ),
    "handed on as well": _model(_IMPUTER, *_LAYERS, helper.make_node("Neg", ["x"], ["z"]), outputs=("y", "z")),
}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", READING)
def test_gaps_go_through(name: str, precision: str) -> None:
    model, x = READING[name], _samples()
    found = edgeconv.convert(model, precision=precision, calibration=x if precision == "int8" else None)
    want = InferenceSession(model.SerializeToString()).run(None, {"x": x})
    least = 90 if precision == "fp32" or "tree" in name else 30
    for expected, given in zip(want, Interpreter(found.to_bytes()).run(None, {"x": x}), strict=True):
        np.testing.assert_array_equal(np.isnan(given), np.isnan(expected))
        error = np.nansum((given - expected) ** 2)
        assert 10 * np.log10(np.nansum(expected**2) / max(float(error), 1e-30)) >= least
    report = edgeconv.evaluate(found, x, reference=model.SerializeToString())
    assert all(output.sqnr >= least for output in report.outputs)


def test_layers_behind_are_int8() -> None:
    found = edgeconv.convert(READING["imputed"], calibration=_samples())
    assert found.graph.text().count("int8") > 2
    layers = edgeconv.compare(READING["imputed"].SerializeToString(), found, _samples()).layers
    assert all(layer.cumulative > 25 for layer in layers)


@pytest.mark.parametrize("nodes", [
    [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("IsNaN", ["h"], ["n"]),
     helper.make_node("Cast", ["n"], ["y"], to=onnx.TensorProto.FLOAT)],
    [helper.make_node("Softmax", ["x"], ["s"]), _TREE],
    [helper.make_node("Neg", ["x"], ["y"])],
], ids=["behind a product", "behind a sum", "nobody asks"])  # fmt: skip
def test_elsewhere_it_is_a_mistake(nodes: list[onnx.NodeProto]) -> None:
    model, x = _model(*nodes), np.zeros((5, _FEATURES), np.float32)
    x[3, 1] = np.nan
    with pytest.raises(DataError, match="array 'x' holds NaN in sample 3"):
        edgeconv.evaluate(edgeconv.convert(model, precision="fp32"), x, reference=model.SerializeToString())


def test_infinity_stays_a_mistake() -> None:
    x = np.zeros((5, _FEATURES), np.float32)
    x[2, 0], x[4, 1] = np.nan, inf
    with pytest.raises(DataError, match="infinity in sample 4"):
        edgeconv.convert(READING["imputed"], calibration=x)


def test_run_gives_what_python_gives(edgeconv: Command, tmp_path: Path) -> None:
    onnx.save(READING["imputed"], tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", _samples())
    done = edgeconv("convert", tmp_path / "m.onnx", tmp_path / "m.edge", "--calib", tmp_path / "x.npy")
    assert done.code == 0, done.err
    done = edgeconv("run", tmp_path / "m.edge", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npz")
    assert (done.code, "preprocessing" in done.err) == (0, False), done.err
    (want,) = Interpreter(str(tmp_path / "m.edge")).run(None, {"x": _samples()})
    np.testing.assert_array_equal(np.load(tmp_path / "y.npz")["y"], want)
