"""The short recipes: load, convert, evaluate; every kind of model and data that they take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgeconv
from edgeconv.api import input_types
from edgeconv.core import Array
from edgeconv.errors import DataError, EdgeconvError, InvalidModelError, UsageError
from edgeconv.model import open_model
from edgeconv.runtime import Interpreter
from edgeconv.support import obstacles

SAMPLES = Path(__file__).parents[1] / "sample_models" / "cancer_mlp"
MODEL = SAMPLES / "model.onnx"
CALIB, TEST = SAMPLES / "calib.npz", SAMPLES / "test.npz"


def labelled() -> dict[str, Array]:
    with np.load(TEST) as data:
        return dict(data)


def linear(batch: int | str, classes: int = 3, seed: int = 0) -> onnx.ModelProto:
    """y = relu(x) @ w, x of 4 features, for `batch` rows at a time."""
    weight = np.random.default_rng(seed).normal(size=(4, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="relu"),
        helper.make_node("MatMul", ["r", "w"], ["y"], name="product"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4])
    graph = helper.make_graph(nodes, "g", [x], [onnx.ValueInfoProto(name="y")], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def rows(count: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> edgeconv.Model:
    return edgeconv.convert(MODEL, calibration=str(CALIB))


def test_convert_says_what_it_did(model: edgeconv.Model) -> None:
    assert model.operators_before == len(onnx.load(MODEL).graph.node)
    assert model.operators_after == len(model.graph.nodes)
    removed = sum(effect.removed for effect in model.conversion.passes)
    assert model.operators_before - removed == model.operators_after
    assert model.bytes_before == MODEL.stat().st_size
    assert model.bytes_after == len(model.to_bytes())
    assert model.conversion.calibration_samples == 160
    assert model.notes


def test_a_prompt_shows_a_few_lines(model: edgeconv.Model) -> None:
    assert f"method={model.method!r}" in repr(model) and len(repr(model)) < 300
    report = edgeconv.evaluate(model, str(TEST), reference=MODEL)
    assert "agreement=" in repr(report) and len(repr(report)) < 3000


def test_same_input_same_bytes(model: edgeconv.Model, tmp_path: Path) -> None:
    copy = tmp_path / "another_name.onnx"
    copy.write_bytes(MODEL.read_bytes())
    assert edgeconv.convert(copy, calibration=str(CALIB)).to_bytes() == model.to_bytes()


def test_save(model: edgeconv.Model, tmp_path: Path) -> None:
    path = tmp_path / "m.edge"
    assert model.save(path) == path.stat().st_size
    with pytest.raises(UsageError, match="exists"):
        model.save(path)
    model.save(path, overwrite=True)
    assert path.read_bytes() == model.to_bytes()


def test_provenance_is_in_the_file(model: edgeconv.Model) -> None:
    metadata = Interpreter(model.to_bytes()).program.metadata
    assert metadata["options.method"] == "auto"
    assert metadata["calibration.samples"] == "160"
    assert len(metadata["calibration.sha256"]) == len(metadata["source.sha256"]) == 64
    assert metadata["producer"] == f"edgeconv {edgeconv.__version__}"


def test_evaluate_counts_as_numpy_does(model: edgeconv.Model) -> None:
    data = labelled()
    report = edgeconv.evaluate(model, str(TEST), reference=edgeconv.load(MODEL))
    scores = model.interpreter()(data["input"])
    wanted = Interpreter(edgeconv.convert(MODEL, precision="fp32").program)(data["input"])
    assert report.samples == len(data["labels"])
    assert report.int8 == np.mean(scores.argmax(1) == data["labels"])
    assert report.fp32 == np.mean(wanted.argmax(1) == data["labels"])
    assert report.agreement == np.mean(scores.argmax(1) == wanted.argmax(1))
    noise = np.square(wanted.astype(float) - scores).sum()
    assert report.sqnr == pytest.approx(10 * np.log10(np.square(wanted, dtype=float).sum() / noise), abs=1e-4)
    assert report.conversion == model.conversion


def test_anything_that_runs_can_be_evaluated(model: edgeconv.Model, tmp_path: Path) -> None:
    path = tmp_path / "m.edge"
    model.save(path)
    forms: list[Any] = [model, path, str(path), path.read_bytes(), model.program, Interpreter(path)]
    values = {edgeconv.evaluate(form, labelled(), reference=MODEL).int8 for form in forms}
    assert len(values) == 1
    references: list[Any] = [MODEL, MODEL.read_bytes(), edgeconv.load(MODEL), onnx_free_reference()]
    assert {edgeconv.evaluate(model, labelled(), reference=form).fp32 for form in references} == {
        edgeconv.evaluate(MODEL, labelled()).int8
    }


def onnx_free_reference() -> edgeconv.Model:
    return edgeconv.convert(MODEL, precision="fp32")


def test_facts_of_what_was_measured(model: edgeconv.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.edge")
    report = edgeconv.evaluate(tmp_path / "m.edge", labelled(), reference=MODEL)
    assert report.reference is not None
    assert (report.candidate.name, report.candidate.precision, report.reference.precision) == ("m.edge", "int8", "fp32")
    assert (report.candidate.bytes, report.reference.bytes) == (model.bytes_after, MODEL.stat().st_size)
    assert report.conversion is None
    assert report.provenance["reference.sha256"] == report.provenance["model.source.sha256"]


@pytest.mark.parametrize("size", [1, 7, 32, 1000])
def test_the_batch_size_changes_nothing(model: edgeconv.Model, size: int) -> None:
    found = edgeconv.evaluate(model, labelled(), reference=MODEL, batch_size=size)
    assert found.int8 == edgeconv.evaluate(model, labelled()).int8
    assert found.provenance["data.sha256"] == edgeconv.evaluate(model, labelled()).provenance["data.sha256"]


def test_a_fixed_batch_is_filled_and_the_surplus_dropped() -> None:
    fixed, free = edgeconv.load(linear(4)), edgeconv.load(linear("N"))
    report = edgeconv.evaluate(fixed, rows(10), reference=free, metric="sqnr")
    assert report.samples == 10
    assert report.sqnr == np.inf or report.sqnr > 120
    converted = edgeconv.convert(fixed, calibration=rows(10))
    assert converted.conversion.calibration_samples == 10
    assert edgeconv.evaluate(converted, rows(10), reference=free).sqnr > 20


def test_metrics(model: edgeconv.Model) -> None:
    data = {"input": labelled()["input"]}
    sqnr = edgeconv.evaluate(model, data, reference=MODEL)
    assert (sqnr.metric, sqnr.int8, sqnr.drop) == ("sqnr", sqnr.sqnr, None)
    mse = edgeconv.evaluate(model, data, reference=MODEL, metric="mse")
    assert mse.int8 == sqnr.outputs[0].mse
    with pytest.raises(UsageError, match="labels"):
        edgeconv.evaluate(model, data, metric="top1")
    with pytest.raises(UsageError, match="--reference"):
        edgeconv.evaluate(model, data)
    with pytest.raises(UsageError, match="top1, top5, mse, sqnr"):
        edgeconv.evaluate(model, data, metric="f1")


def test_networks_that_do_not_match() -> None:
    with pytest.raises(DataError, match="same network"):
        edgeconv.evaluate(edgeconv.load(linear("N")), rows(4), reference=edgeconv.load(linear("N", classes=5)))


def test_random_data_is_stamped(model: edgeconv.Model) -> None:
    assert edgeconv.evaluate(model, "random:4", reference=MODEL).is_random
    dry = edgeconv.convert(MODEL, calibration="random:4")
    assert dry.conversion.calibration_is_random
    assert any("random" in warning for warning in dry.warnings)


def test_few_samples_are_a_warning() -> None:
    assert "8 samples only" in " ".join(edgeconv.convert(MODEL, calibration=str(CALIB), samples=8).notes)


def test_calibration_without_variety_is_remarked() -> None:
    with np.load(CALIB) as data:
        zeros = {name: np.zeros_like(array) for name, array in data.items()}
    assert "'input' is 0 in every calibration sample" in " ".join(edgeconv.convert(MODEL, calibration=zeros).notes)


def test_progress_counts_samples(model: edgeconv.Model) -> None:
    seen: list[tuple[str, int, int | None]] = []
    edgeconv.convert(MODEL, calibration=str(CALIB), progress=lambda *step: seen.append(step))
    assert ("calibrating", 160, 160) in seen
    seen.clear()
    edgeconv.evaluate(model, str(TEST), samples=40, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("evaluating", 40, 40)


def test_calibration_may_be_a_stream() -> None:
    def batches() -> Iterator[Array]:
        for seed in range(5):
            yield rows(10, seed)

    found = edgeconv.convert(linear("N"), calibration=batches)
    assert found.conversion.calibration_samples == 50


def test_excluded_nodes_stay_in_float_and_the_file_says_why() -> None:
    found = edgeconv.convert(MODEL, calibration=str(CALIB), exclude=["*linear_3*"])
    (node,) = [node for node in found.float_nodes if "linear_3" in node.name]
    assert "excluded" in node.reason
    assert f"{node.operator} {node.name!r} stays in float: {node.reason}" in found.notes
    with pytest.raises(UsageError, match="matches no node"):
        edgeconv.convert(MODEL, calibration=str(CALIB), exclude=["*no such node*"])


def test_everything_excluded_is_a_warning() -> None:
    assert "no operator computes in int8" in edgeconv.convert(MODEL, str(CALIB), exclude=["*"]).warnings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--calib"),
        ({"precision": "int3"}, "int8, w8, fp16, fp32"),
        ({"precision": "fp32", "exclude_op": ["Gemm"]}, "fp32"),
        ({"calibration": "random:4", "method": "magic"}, "magic"),
        ({"calibration": "random:4", "samples": 0}, "at least one"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        edgeconv.convert(MODEL, **options)


def test_load_takes_path_bytes_and_proto() -> None:
    forms: list[Any] = [MODEL, str(MODEL), MODEL.read_bytes(), onnx.load(MODEL)]
    assert len({edgeconv.load(form).text() for form in forms}) == 1


def test_input_types() -> None:
    assert [str(known) for known in input_types(edgeconv.load(linear(2))).values()] == ["float32[2,4]"]


def test_missing_onnx_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("edgeconv.importer")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EdgeconvError, match=r'pip install "edgeconv\[convert\]"'):
        edgeconv.load(MODEL)


def test_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(EdgeconvError, match="cannot read"):
        open_model(tmp_path / "gone.edge")
    (tmp_path / "x.edge").write_bytes(b"nonsense")
    with pytest.raises(InvalidModelError):
        open_model(tmp_path / "x.edge")


def broken() -> onnx.ModelProto:
    """Two nodes that do not convert, and one between them that does."""
    nodes = [
        helper.make_node("Hologram", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="between"),
        helper.make_node("Teleport", ["b"], ["c"], name="second"),
        helper.make_node("Relu", ["x"], ["d"], name="apart"),
        helper.make_node("Add", ["c", "d"], ["y"], name="sum"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "g", [x], [onnx.ValueInfoProto(name="y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_all_obstacles_are_found() -> None:
    found, nodes = obstacles(broken())
    assert nodes == 5
    assert [(each.name, each.operator) for each in found] == [("first", "Hologram"), ("second", "Teleport")]
    assert "inspect --support" not in found[0].reason
    assert obstacles(MODEL)[0] == ()


def test_obstacles_behind_declared_types_are_found() -> None:
    model = broken()
    model.graph.node[1].attribute.append(helper.make_attribute("unheard_of", 1))
    assert [each.name for each in obstacles(model)[0]] == ["first", "second"]
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 4]))
    assert [each.name for each in obstacles(model)[0]] == ["first", "between", "second"]
