"""edgeconv bench: what it prints, as text and as JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, Command


def test_text_and_exit_code(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("bench", edge_file, "--seconds", "0", "--runs", "2")
    assert result.code == 0
    for wanted in ("model.edge:", "Operators", "Dense", "Memory", "Floor", "NumPy calls"):
        assert wanted in result.out


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


def test_what_nothing_runs_is_a_usage_error(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("bench", edge_file, "--against", edge_file, "--seconds", "0")
    assert result.code == 2
    assert ".onnx or a .tflite" in result.err


def test_a_broken_peer_is_named(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it is what refuses the file")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    result = edgeconv("bench", edge_file, "--against", broken, "--seconds", "0")
    assert result.code == 1
    assert "ONNX Runtime cannot run" in result.err
