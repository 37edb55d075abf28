"""What each command prints, writes and returns, on a small trained model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import edgeconv as package
from edgeconv.runtime import Interpreter
from edgeconv_cli.main import commands
from tests.cli.conftest import CALIB, MODEL, TEST, Command


@pytest.fixture
def bad_calibration(tmp_path: Path) -> Path:
    """Samples a hundred times too small: int8 saturates, and accuracy suffers."""
    with np.load(CALIB) as data:
        np.savez(tmp_path / "bad.npz", input=data["input"] * np.float32(0.01))
    return tmp_path / "bad.npz"


def test_convert_prints_the_report_and_writes_the_file(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "m.edge"
    result = edgeconv("convert", MODEL, target, "--calib", CALIB, "--eval", TEST, "--metric", "top1")
    assert (result.code, result.err) == (0, "")
    nodes = len(onnx.load(MODEL).graph.node)
    for words in (
        f"  operators    {nodes} -> ",
        " ranges from 160 samples",
        f"  bytes        {os.stat(MODEL).st_size:,} -> {target.stat().st_size:,} (",
        "  in float     1 operator, see below",
        "Accuracy on 285 samples",
        "  top-1 ",
        "agreement with fp32",
        "SQNR",
        f"wrote {target} ({target.stat().st_size:,} bytes) in ",
    ):
        assert words in result.out
    assert "\x1b" not in result.out
    assert edgeconv("verify", target).code == 0


def test_convert_writes_beside_the_model_by_default(edgeconv: Command, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(Path(MODEL).read_bytes())
    assert edgeconv("convert", tmp_path / "net.onnx", "--precision", "fp32", "--quiet").out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.edge", "net.onnx"]


def test_convert_names_its_file_as_the_other_commands_do(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "m.edge"
    assert edgeconv("convert", MODEL, "-o", target, "-d", CALIB, "--effort", "fast").code == 0
    assert target.exists()
    again = edgeconv("convert", MODEL, tmp_path / "other.edge", "-o", target, "-d", CALIB, "--force")
    assert again.code == 2
    assert again.err == f"error: two files to write, {target} and {tmp_path / 'other.edge'}: give one\n"


def test_convert_json(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "m.edge"
    result = edgeconv("convert", MODEL, target, "--calib", CALIB, "--eval", TEST, "--json")
    found = json.loads(result.out)
    assert (result.code, result.err, found["schema"], found["edge"]) == (0, "", "edgeconv/convert/1", str(target))
    assert found["conversion"]["bytes"]["after"] == target.stat().st_size
    assert found["accuracy"]["metric"] == "top1"
    assert found["accuracy"]["candidate"]["name"] == "m.edge"
    assert found["accuracy"]["reference"]["name"] == "model.onnx"


def test_convert_options_reach_the_file(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "m.edge"
    options = ("--calib", CALIB, "--method", "minmax", "--samples", 64, "--exclude-op", "Sigmoid")
    options = (*options, "--input-shape", "input:2,30")
    result = edgeconv("convert", MODEL, target, *options)
    assert result.code == 0
    assert "excluded by type 'Sigmoid'" in result.out
    program = Interpreter(target).program
    assert program.metadata["options.method"] == "minmax"
    assert program.metadata["calibration.samples"] == "64"
    assert program.tensors[program.inputs[0]].type.shape == (2, 30)
    assert "excluded by type 'Sigmoid'" in edgeconv("inspect", target).out


def test_effort_and_time_budget(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "model.edge"
    done = edgeconv("convert", MODEL, target, "--calib", CALIB, "--effort", "fast", "--json")
    refinement = json.loads(done.out)["conversion"]["refinement"]
    assert (refinement["effort"], refinement["stopped"]) == ("fast", None)
    assert {"nearest", "means"} == {name for layer in refinement["layers"] for name in layer["sqnr_db"]}
    assert Interpreter(str(target)).program.metadata["options.effort"] == "fast"
    done = edgeconv("convert", MODEL, target, "--calib", CALIB, "--time-budget", 0, "--force")
    assert "refining stopped: the time budget of 0 s was spent" in done.out


def test_report_files(edgeconv: Command, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "report"
    given = ("convert", MODEL, tmp_path / "m.edge", "--calib", CALIB, "--report", folder)
    result = edgeconv(*given, "--eval", TEST)
    assert result.code == 0
    assert f"report in {folder}: report.json, report.md, report.html" in result.out
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    assert json.loads((folder / "report.json").read_text())["samples"] == 285
    assert (folder / "report.md").read_text().startswith("# m.edge: top-1 ")
    assert edgeconv(*given, "--force").code == 0
    assert json.loads((folder / "report.json").read_text())["schema"] == "edgeconv/conversion/1"


def test_gate_of_convert(edgeconv: Command, tmp_path: Path, bad_calibration: Path) -> None:
    target, folder = tmp_path / "m.edge", tmp_path / "report"
    given = ("--calib", bad_calibration, "--eval", TEST, "--report", folder)
    result = edgeconv("convert", MODEL, target, *given, "--max-drop", 0.01, "--time-budget", 0)
    assert result.code == 3
    assert result.err.startswith("error: top1 drops by ")
    assert "1.00 points are asked for" in result.err
    assert "more than the 1.00 that --max-drop 0.01 allows" in result.err
    assert result.err.endswith("m.edge was not written\n")
    assert "Accuracy on" in result.out
    assert not target.exists()
    assert (folder / "report.md").exists()
    assert edgeconv("convert", MODEL, target, *given, "--max-drop", 1, "--force").code == 0
    assert target.exists()
    searched = edgeconv("convert", MODEL, target, *given, "--max-drop", 0.01, "--force")
    assert searched.code == 0
    assert "held above int8" in searched.out


def test_gate_keeps_the_file_that_was_there(edgeconv: Command, tmp_path: Path, bad_calibration: Path) -> None:
    target = tmp_path / "m.edge"
    target.write_bytes(b"the last good one")
    given = ("--calib", bad_calibration, "--eval", TEST, "--max-drop", 0, "--force", "--json", "--time-budget", 0)
    result = edgeconv("convert", MODEL, target, *given)
    assert (result.code, json.loads(result.out)["edge"]) == (3, None)
    assert target.read_bytes() == b"the last good one"


def test_evaluate(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    given = ("evaluate", edge_file, "--data", TEST)
    alone = edgeconv(*given)
    assert alone.code == 0
    assert "  top-1  " in alone.out
    beside = edgeconv(*given, "--reference", MODEL, "--max-drop", 0.9, "--report", tmp_path / "r")
    assert beside.code == 0
    assert "agreement with fp32" in beside.out
    assert (tmp_path / "r" / "report.md").exists()
    found = json.loads(edgeconv(*given, "--reference", MODEL, "--samples", 20, "--json").out)
    assert (found["samples"], found["reference"]["name"]) == (20, "model.onnx")


def test_gate_of_evaluate(edgeconv: Command, tmp_path: Path, bad_calibration: Path) -> None:
    edgeconv("convert", MODEL, tmp_path / "m.edge", "--calib", bad_calibration)
    given = ("evaluate", tmp_path / "m.edge", "--data", TEST, "--max-drop", 0.001)
    result = edgeconv(*given, "--reference", MODEL)
    assert result.code == 3
    assert "top1 drops by " in result.err
    assert edgeconv(*given).code == 2
    assert edgeconv(*given, "--reference", MODEL, "--metric", "sqnr").code == 2
    assert edgeconv(*given[:3], "random:2", *given[4:], "--reference", MODEL).code == 2


def test_inspect_edge(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("inspect", edge_file)
    assert result.code == 0
    assert f"file              {edge_file.stat().st_size:,} bytes" in result.out
    assert "bit-exact up to 1 float operators: node_div" in result.out
    found = json.loads(edgeconv("inspect", edge_file, "--json").out)
    program = Interpreter(edge_file).program
    assert found["precision"] == "int8"
    assert found["bit_exact"] is False
    assert len(found["operators"]) == len(program.steps)
    weights = [tensor for tensor in program.tensors if tensor.data is not None and tensor.type.q is not None]
    assert found["macs"] == sum(tensor.type.size for tensor in weights if tensor.type.rank == 2)
    assert found["outputs"][0]["scale"] == list(program.tensors[program.outputs[0]].type.q.scale)
    assert found["activation_bytes"] > 0


def test_inspect_says_that_a_file_is_bit_exact(edgeconv: Command, tmp_path: Path) -> None:
    digits = Path(MODEL).parent.parent / "digits_resnet"
    path = tmp_path / "digits.edge"
    assert edgeconv("convert", digits / "model.onnx", path, "--calib", digits / "calib.npz", "--samples", 8).code == 0
    assert "bit-exact: the same input gives the same bytes on every device" in edgeconv("inspect", path).out
    assert json.loads(edgeconv("inspect", path, "--json").out)["bit_exact"] is True


def test_inspect_quantization(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("inspect", edge_file, "--quantization")
    assert "zero point" in result.out
    assert "axis 1" in result.out


def test_inspect_names_float_operators(edgeconv: Command, tmp_path: Path) -> None:
    edgeconv("convert", MODEL, tmp_path / "m.edge", "--calib", CALIB, "--exclude", "*sigmoid*")
    result = edgeconv("inspect", tmp_path / "m.edge")
    assert "excluded by '*sigmoid*'" in result.out
    assert "bit-exact up to " in result.out
    assert "node_sigmoid" in result.out


def test_inspect_onnx_shows_before_and_after(edgeconv: Command) -> None:
    result = edgeconv("inspect", MODEL)
    assert result.code == 0
    assert f"Operators {len(onnx.load(MODEL).graph.node)} -> " in result.out
    assert "parameters" in result.out
    parameters = sum(int(np.prod(tensor.dims)) for tensor in onnx.load(MODEL).graph.initializer)
    # one BatchNorm of 4 * 30 numbers takes the place of a subtraction and a division by 30 each
    assert json.loads(edgeconv("inspect", MODEL, "--json").out)["parameters"] <= parameters + 60


def strange_model(path: Path) -> Path:
    """Open height and width, and an operator that nobody knows."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="fine"),
        helper.make_node("Hologram", ["a"], ["b"], name="strange"),
        helper.make_node("Teleport", ["b"], ["y"], name="stranger"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])
    graph = helper.make_graph(nodes, "g", [x], [onnx.ValueInfoProto(name="y")])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return path


def test_inspect_support(edgeconv: Command, tmp_path: Path) -> None:
    model = strange_model(tmp_path / "m.onnx")
    result = edgeconv("inspect", "--support", model)
    assert result.code == 5
    assert "2 of 3 nodes would not convert" in result.out
    assert [line.split()[:2] for line in result.out.splitlines()[2:]] == [
        ["Hologram", "strange"],
        ["Teleport", "stranger"],
    ]
    assert result.err == "error: 2 of 3 nodes would not convert: Hologram, Teleport\n"
    found = json.loads(edgeconv("inspect", "--support", model, "--json").out)
    assert [each["name"] for each in found["unsupported"]] == ["strange", "stranger"]
    fine = edgeconv("inspect", "--support", MODEL)
    assert (fine.code, "nodes convert\n" in fine.out) == (0, True)


def test_inspect_open_dimensions(edgeconv: Command, tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])
    y = onnx.ValueInfoProto(name="y")
    graph = helper.make_graph([helper.make_node("Sin", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert "depends on open dimensions" in edgeconv("inspect", tmp_path / "m.onnx").out
    fixed = edgeconv("inspect", tmp_path / "m.onnx", "--input-shape", "x:n,3,8,8", "--json")
    assert json.loads(fixed.out)["activation_bytes"] > 0


def test_support_is_for_onnx(edgeconv: Command, edge_file: Path) -> None:
    assert edgeconv("inspect", edge_file, "--support").code == 2
    assert edgeconv("inspect", edge_file, "--input-shape", "x:1").code == 2


def test_verify(edgeconv: Command, edge_file: Path) -> None:
    result = edgeconv("verify", edge_file)
    assert result.code == 0
    assert result.out.startswith(f"ok  {edge_file}: {edge_file.stat().st_size:,} bytes")
    found = json.loads(edgeconv("verify", edge_file, "--json").out)
    assert (found["ok"], found["inputs"]) == (True, ["input"])
    assert any(len(value) > 100 for value in found["metadata"].values())
    assert max(map(len, result.out.splitlines()[1:])) < 140


def test_run_shows_outputs(edgeconv: Command, edge_file: Path, input_file: Path) -> None:
    scores = Interpreter(edge_file)(np.load(input_file))
    result = edgeconv("run", edge_file, "-i", input_file)
    assert result.code == 0
    assert f"float32[{','.join(map(str, scores.shape))}]" in result.out
    assert f"  sample 0: {scores[0].argmax()}: {scores[0].max():.5g}" in result.out
    found = json.loads(edgeconv("run", edge_file, "-i", f"input={input_file}", "--json").out)
    (output,) = found["outputs"]
    assert output["top"][2][0]["class"] == scores[2].argmax()
    assert output["max"] == pytest.approx(scores.max())


def test_run_writes_outputs(edgeconv: Command, edge_file: Path, input_file: Path, tmp_path: Path) -> None:
    name = Interpreter(edge_file).output_names[0]
    scores = Interpreter(edge_file)(np.load(input_file))
    for target in (tmp_path / "y.npy", tmp_path / "y.npz"):
        assert edgeconv("run", edge_file, "-i", input_file, "-o", target).code == 0
        found = np.load(target)
        assert np.array_equal(found if target.suffix == ".npy" else found[name], scores)
    assert edgeconv("run", edge_file, "-i", input_file, "-o", tmp_path / "y.npz").code == 2
    first = (tmp_path / "y.npz").read_bytes()
    assert edgeconv("run", edge_file, "-i", input_file, "-o", tmp_path / "y.npz", "--force").code == 0
    assert (tmp_path / "y.npz").read_bytes() == first
    edgeconv("run", edge_file, "-i", input_file, "-o", tmp_path / "raw.npy", "--raw")
    assert np.load(tmp_path / "raw.npy").dtype == np.int8


def test_run_refuses(edgeconv: Command, edge_file: Path, input_file: Path, tmp_path: Path) -> None:
    given = ("run", edge_file, "-i")
    assert edgeconv(*given, f"nose={input_file}").code == 2
    assert edgeconv(*given, input_file, "-i", input_file).code == 2
    assert edgeconv(*given, f"input={input_file}", "-i", f"input={input_file}").code == 2
    assert edgeconv(*given, input_file, "-o", tmp_path / "y.txt").code == 2
    assert not (tmp_path / "y.txt").exists()


def test_run_several_inputs_and_outputs(edgeconv: Command, tmp_path: Path) -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["file"])]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "ab"]
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name=name) for name in ("sum", "file")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    a, b = np.ones((70, 2), np.float32), np.arange(140, dtype=np.float32).reshape(70, 2)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    given = ("run", tmp_path / "m.onnx", "-i", f"b={tmp_path / 'b.npy'}", "-i", f"a={tmp_path / 'a.npy'}")
    assert edgeconv(*given, "-o", tmp_path / "o.npz").code == 0
    with np.load(tmp_path / "o.npz") as found:
        assert np.array_equal(found["sum"], a + b)
        assert np.array_equal(found["file"], a - b)
    assert edgeconv(*given, "-o", tmp_path / "o.npy").code == 2
    assert "and 65 more" in edgeconv(*given).out


def test_version_and_help(edgeconv: Command) -> None:
    assert edgeconv("--version").out == f"edgeconv {package.__version__}\n"
    top = edgeconv("--help")
    assert top.code == 0
    assert edgeconv() == top
    for name in commands.commands:
        assert name in top.out
        text = edgeconv(name, "--help")
        assert text.code == 0
        assert f"edgeconv {name} " in text.out
        assert "--json" in text.out


def test_no_command_is_usage(edgeconv: Command) -> None:
    assert edgeconv("frobnicate").code == 2


def test_a_bug_is_one_line_and_asks_for_a_report(
    edgeconv: Command, edge_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: object) -> None:
        raise ZeroDivisionError("broken\nin two lines")

    monkeypatch.setattr("edgeconv.runtime.verify.verify_file", broken)
    result = edgeconv("verify", edge_file)
    assert result.code == 1
    assert result.err.startswith("edgeconv bug: ZeroDivisionError: broken in two lines; please report it")
    assert len(result.err.splitlines()) == 1
    assert "Traceback" in edgeconv("verify", edge_file, "--debug").err
    monkeypatch.setenv("EDGECONV_DEBUG", "1")
    assert "Traceback" in edgeconv("verify", edge_file).err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "interrupted\n"),
        (MemoryError(), "error: out of memory; use fewer or smaller inputs at a time\n"),
        (PermissionError(13, "Permission denied", "x"), "error: [Errno 13] Permission denied: 'x'\n"),
    ],
    ids=["interrupt", "memory", "system"],
)
def test_other_failures(
    edgeconv: Command, edge_file: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, line: str
) -> None:
    def broken(source: object) -> None:
        raise error

    monkeypatch.setattr("edgeconv.runtime.verify.verify_file", broken)
    result = edgeconv("verify", edge_file)
    assert (result.code, result.err) == (1, line)


def test_what_is_about_int8_alone_is_said_to_be(edgeconv: Command, tmp_path: Path) -> None:
    given = ("--precision", "w8", "--calib", CALIB, "--method", "mse", "--effort", "best")
    result = edgeconv("convert", MODEL, tmp_path / "m.edge", *given)
    assert (result.code, "the samples were not used" in result.out) == (0, True)
    assert result.err.splitlines() == [
        f"warning: {option} is about int8; nothing comes of it with --precision w8"
        for option in ("--method", "--effort")
    ]
    assert edgeconv("convert", MODEL, tmp_path / "n.edge", "--precision", "w8").err == ""


def test_a_least_sqnr_is_searched_for(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "model.edge"
    given = ("convert", MODEL, target, "--calib", CALIB, "--eval", TEST)
    plain = json.loads(edgeconv(*given, "--metric", "sqnr", "--json").out)["accuracy"]["sqnr_db"]
    target.unlink()
    done = edgeconv(*given, "--min-sqnr", plain + 3, "--workers", 2, "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["accuracy"]["sqnr_db"] >= plain + 3
    assert found["conversion"]["refinement"]["raised"]
    target.unlink()
    done = edgeconv(*given, "--min-sqnr", 300)
    assert done.code == 3
    assert "less than the 300 dB that --min-sqnr asks for" in done.err
    assert not target.exists()


def test_two_ways_to_say_what_to_keep_are_one_too_many(edgeconv: Command, tmp_path: Path) -> None:
    done = edgeconv("convert", MODEL, tmp_path / "m.edge", "--calib", CALIB, "--eval", TEST, "--min-sqnr", 3,
                    "--max-drop", 0.1)  # fmt: skip
    assert (done.code, "pass one of them" in done.err) == (2, True)
