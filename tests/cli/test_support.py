"""What converts and what does not: `ops`, `inspect --support`, and a refusal that names every node at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from tests.cli.conftest import CALIB, MODEL, Command
from tests.harness import data
from tests.quantize.quantized_models import Builder

ROOT = Path(__file__).parents[2]


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def strange(folder: Path) -> Path:
    """A model of which three nodes do not convert."""
    b = Builder()
    x = b.node("Relu", b.node("Teleport", b.input("N", 3, 3), domain="strange"))
    model = b.model(b.node("Hologram", b.node("Hologram", x, domain="strange"), domain="strange"))
    model.opset_import.append(helper.make_opsetid("strange", 1))
    return saved(model, folder)


def test_ops_prints_the_table_of_the_documentation(edgeconv: Command) -> None:
    table = edgeconv("ops", "--markdown")
    assert table.code == 0
    assert table.out.strip() in (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    for_people = edgeconv("ops").out
    assert "ONNX operators convert" in for_people
    assert "QLinearConv" in for_people
    assert max(map(len, for_people.splitlines())) <= 200


def test_ops_as_json(edgeconv: Command) -> None:
    found = json.loads(edgeconv("ops", "--json").out)
    by_name = {each["name"]: each for each in found["operators"]}
    assert by_name["Conv"]["form"] == "kernel" and by_name["Conv"]["dtypes"] == ["float32", "float16", "float64"]
    assert by_name["Clip"]["since"] == [7, 11]
    assert by_name["Not"]["dtypes"] == ["bool"]
    assert by_name["QuantizeLinear"]["form"] == by_name["com.microsoft.QLinearAdd"]["form"] == "own"
    assert by_name["MatMulInteger"]["form"] == by_name["RNN"]["form"] == "weights"
    assert by_name["Identity"]["form"] == "conversion"
    assert {each["form"] for each in found["operators"]} <= set(found["forms"])


def test_support_tells_what_stays_in_float_at_int8(edgeconv: Command, tmp_path: Path) -> None:
    b = Builder()
    y = b.node("Gemm", b.input("N", 4), b.constant(data(4, 6)))
    model = saved(b.model(b.node("CumSum", y, b.constant(np.int64(1)))), tmp_path)
    result = edgeconv("inspect", model, "--support")
    assert result.code == 0
    assert "all 2 nodes convert" in result.out
    assert "CumSum" in result.out and "it has no int8 kernel" in result.out
    (left,) = json.loads(edgeconv("inspect", model, "--support", "--json").out)["float"]
    assert left == {"name": "cumsum1", "operator": "CumSum", "reason": "it has no int8 kernel"}
    assert json.loads(edgeconv("inspect", MODEL, "--support", "--json").out)["unsupported"] == []


def test_support_of_a_model_that_came_quantized(edgeconv: Command, tmp_path: Path) -> None:
    b = Builder()
    x = b.pair(b.input("N", 4), 0.1, 128)
    y = b.pair(b.node("Gemm", x, b.weight(np.ones((4, 6), np.int8), 0.1, 0)), 0.2, 100)
    model = saved(b.model(b.node("Gemm", y, b.constant(data(6, 2)))), tmp_path)
    found = json.loads(edgeconv("inspect", model, "--support", "--json").out)["float"]
    assert [(each["name"], each["reason"]) for each in found] == [
        ("gemm6", "its output is not quantized in the source")
    ]


def test_a_refusal_names_every_node(edgeconv: Command, tmp_path: Path) -> None:
    result = edgeconv("convert", strange(tmp_path), tmp_path / "out.edge", "--precision", "fp32")
    assert result.code == 5
    assert "3 of 4 nodes would not convert" in result.err
    for word in ("Teleport 'teleport0'", "Hologram 'hologram2', 'hologram3'", "strange::Hologram", "extract_model"):
        assert word in result.err
    assert len(result.err.splitlines()) == 1


def test_what_computes_with_strings_is_named_beside_the_rest(edgeconv: Command, tmp_path: Path) -> None:
    text = """<ir_version: 9, opset_import: ["" : 20, "strange" : 1]>
        g (string[N] s, float[N] x) => (bool[N] y, float[N] z) { y = Equal (s, s)  z = strange.Teleport (x) }"""
    result = edgeconv("inspect", saved(onnx.parser.parse_model(text), tmp_path), "--support")
    assert result.code == 5
    assert "Equal" in result.out and "the device has no strings" in " ".join(result.out.split())
    assert "Teleport" in result.out


def test_a_quantized_model_converts_without_samples(edgeconv: Command, tmp_path: Path) -> None:
    b = Builder()
    model = saved(b.model(b.pair(b.node("Sigmoid", b.pair(b.input("N", 4), 0.1, 128)), 0.01, 0)), tmp_path)
    result = edgeconv("convert", model, tmp_path / "out.edge")
    assert result.code == 0
    assert "keeps its own parameters" in result.out
    conversion = json.loads(edgeconv("convert", model, tmp_path / "out.edge", "--force", "--json").out)["conversion"]
    assert (conversion["precision"], conversion["method"]) == ("int8", "own")
    assert "needs calibration samples" in edgeconv("convert", MODEL, tmp_path / "other.edge").err


def test_weights_stored_narrow(edgeconv: Command, tmp_path: Path) -> None:
    for precision, words in (("w8", "stored in int8"), ("fp16", "stored in float16")):
        path = tmp_path / f"{precision}.edge"
        result = edgeconv("convert", MODEL, path, "--precision", precision, "--eval", CALIB)
        assert result.code == 0 and words in result.out
        assert f": {precision}," in edgeconv("inspect", path).out
