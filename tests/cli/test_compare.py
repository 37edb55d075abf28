"""edgeconv compare, and the command that it prints."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import onnx

from tests.cli.conftest import CALIB, MODEL, SAMPLES, TEST, Command

MOBILENET = SAMPLES.parent / "digits_mobilenet"


def test_compare_ranks_layers_by_harm(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("compare", MODEL, edge_file, "--data", TEST)
    assert result.code == 0, result.err
    assert "Layers, the most harmful first" in result.out
    found = json.loads(edgeconv("compare", MODEL, edge_file, "--data", TEST, "--json").out)
    assert found["schema"] == "edgeconv/layer-report/1"
    assert found["samples"] == 285
    assert (found["reference"]["name"], found["candidate"]["name"]) == ("model.onnx", "model.edge")
    harms = [layer["harm"] for layer in sorted(found["layers"], key=lambda layer: layer["rank"])]
    assert harms == sorted(harms, reverse=True)


def test_the_report_is_written(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    given = ("compare", MODEL, edge_file, "--data", TEST, "--samples", 20, "--report", tmp_path / "r")
    assert edgeconv(*given).code == 0
    assert json.loads((tmp_path / "r" / "report.json").read_text())["samples"] == 20
    assert (tmp_path / "r" / "report.md").read_text().startswith("# model.edge: SQNR ")
    refused = edgeconv(*given)
    assert (refused.code, "--force" in refused.err) == (2, True)


def test_other_networks_are_refused(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    folder = MOBILENET.parent / "digits_resnet"
    result = edgeconv("compare", folder / "model.onnx", edge_file, "--data", folder / "test.npz")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "are they the same network?" in result.err


def test_a_file_made_from_another_model_is_noticed(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    trained_anew, other = onnx.load(MODEL), tmp_path / "other.onnx"
    trained_anew.doc_string = "trained anew"
    onnx.save(trained_anew, other)
    for command in (("compare", other, edge_file), ("evaluate", edge_file, "--reference", other)):
        text = " ".join(edgeconv(*command, "--data", TEST, "--samples", 16).out.split())
        assert "it was made from another ONNX file" in text
    assert "another ONNX file" not in edgeconv("evaluate", edge_file, "--reference", MODEL, "--data", TEST).out


def test_an_edge_file_can_be_the_reference(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    assert edgeconv("convert", MODEL, tmp_path / "fp32.edge", "--precision", "fp32").code == 0
    result = edgeconv("compare", tmp_path / "fp32.edge", edge_file, "--data", TEST, "--samples", 50)
    assert result.code == 0, result.err
    assert "MODEL.onnx is the ONNX file" in result.out


def test_the_command_that_repairs_can_be_pasted_and_keeps_its_promise(edgeconv: Command, tmp_path: Path) -> None:
    model, calib, test = (str(MOBILENET / name) for name in ("model.onnx", "calib.npz", "test.npz"))
    edge = str(tmp_path / "it's int8.edge")
    assert (
        edgeconv("convert", model, edge, "--calib", calib, "--method", "minmax", "--exclude", "node_Conv_216").code == 0
    )
    given = ("compare", model, edge, "--data", test, "--samples", 256, "--calib", calib, "--json")
    repair = json.loads(edgeconv(*given).out)["repair"]
    assert repair["is_complete"]
    words = shlex.split(repair["command"])
    assert words[0] == "edgeconv"
    assert "node_Conv_216" in words
    assert edgeconv(*words[1:]).code == 0
    after = json.loads(edgeconv(*given).out)["sqnr_db"]
    assert after > repair["sqnr_before_db"] + 0.5
    assert abs(after - repair["sqnr_after_db"]) < 1  # what follows is refined anew


def test_calibration_samples_are_recognised(edgeconv: Command, edge_file: Path) -> None:
    found = json.loads(edgeconv("compare", MODEL, edge_file, "--data", CALIB, "--json").out)
    assert found["repair"] is None or CALIB in shlex.split(found["repair"]["command"])
