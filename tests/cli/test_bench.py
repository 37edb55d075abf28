"""edgeconv bench: what it prints, as text and as JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.cli.conftest import MODEL, SAMPLES, Command


def test_text_and_exit_code(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("bench", edge_file, "--seconds", "0", "--runs", "2")
    assert result.code == 0
    for wanted in ("model.edge:", "Operators", "Dense", "Memory", "Floor", "NumPy calls"):
        assert wanted in result.out
    assert "edgeconv / this" not in result.out


def test_others_are_put_in_relation(edgeconv: Command, edge_file: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what we compare with")
    result = edgeconv("bench", edge_file, "--against", MODEL, "--seconds", "0", "--runs", "2")
    header, own, other = result.out.splitlines()[1:4]
    assert header.endswith("edgeconv / this")
    assert len(own) < len(other) == len(header)


def test_json_beside_onnx_runtime(edgeconv: Command, edge_file: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what we compare with")
    result = edgeconv("bench", edge_file, "--against", MODEL, "--seconds", "0", "--runs", "2", "--json")
    found = json.loads(result.out)
    assert found["schema"] == "edgeconv/bench/1"
    assert list(found["peers"]) == ["ONNX Runtime (model.onnx)"]
    assert found["memory"]["file"] == edge_file.stat().st_size
    assert sum(step["calls"] for step in found["steps"]) == found["floor"]["calls"]


def test_an_onnx_model_runs_in_fp32(edgeconv: Command) -> None:
    result = edgeconv("bench", MODEL, "--seconds", "0", "--runs", "1", "--json")
    assert json.loads(result.out)["memory"]["file"] is None


@pytest.fixture
def open_file(edgeconv: Command, tmp_path: Path) -> Path:
    """A model that leaves height and width open, halves them, and puts out one row of cells."""
    shape = ["N", 1, "height", "width"]
    nodes = [
        helper.make_node("MaxPool", ["image"], ["half"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["half"], ["cells"]),
    ]
    given, cells = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        for name, dims in (("image", shape), ("cells", None))
    )
    graph = helper.make_graph(nodes, "open", [given], [cells])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "open.onnx")
    assert edgeconv("convert", tmp_path / "open.onnx", tmp_path / "open.edge", "--precision", "fp32").code == 0
    return tmp_path / "open.edge"


def test_an_open_shape_is_given(edgeconv: Command, open_file: Path) -> None:
    refused = edgeconv("bench", open_file, "--seconds", "0")
    assert refused.code == 1
    assert "float32[N,1,height,width]; give samples of your own, or fix it with --input-shape" in refused.err
    found = edgeconv("bench", open_file, "--input-shape", "image:1,1,6,8", "--seconds", "0", "--runs", "1")
    assert found.code == 0


@pytest.mark.parametrize(
    ("shape", "words"), [("image:1,2,6,8", "does not fit the input, float32[N,1,"), ("x:1", "'x', which is no input")]
)
def test_shapes_that_do_not_fit(edgeconv: Command, open_file: Path, shape: str, words: str) -> None:
    result = edgeconv("bench", open_file, "--input-shape", shape, "--seconds", "0")
    assert result.code == 2
    assert words in result.err


def test_a_long_formula_is_not_shown(edgeconv: Command, open_file: Path) -> None:
    assert "cells  float32[N,?]" in edgeconv("inspect", open_file).out


def test_what_nothing_runs_is_a_usage_error(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("bench", edge_file, "--against", edge_file, "--seconds", "0")
    assert result.code == 2
    assert ".onnx or a .tflite" in result.err


def test_a_peer_with_other_inputs_is_no_peer(edgeconv: Command, edge_file: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what would run the file")
    other = SAMPLES.parent / "digits_resnet" / "model.onnx"
    result = edgeconv("bench", edge_file, "--against", other, "--seconds", "0")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "its inputs are input [1,1,8,8], this model's are input [1,30]" in result.err


def test_a_peer_may_name_its_inputs_otherwise(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what runs the file")
    model = onnx.load(MODEL)
    model.graph.input[0].name = "renamed"
    for node in model.graph.node:
        node.input[:] = ["renamed" if name == "input" else name for name in node.input]
    onnx.save(model, tmp_path / "renamed.onnx")
    result = edgeconv("bench", edge_file, "--against", tmp_path / "renamed.onnx", "--seconds", "0", "--runs", "1")
    assert result.code == 0, result.err


def test_a_broken_peer_is_named(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what refuses the file")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    result = edgeconv("bench", edge_file, "--against", broken, "--seconds", "0")
    assert result.code == 1
    assert "ONNX Runtime cannot run" in result.err
