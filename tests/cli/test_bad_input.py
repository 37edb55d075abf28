"""Bad input: one clear line on stderr, the right exit code, and no file left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.core import Array
from tests.cli.conftest import CALIB, MODEL, TEST, Command, Result

WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3)
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, in which nothing may appear."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def nothing_left(folder: Path) -> Iterator[None]:
    yield
    assert list(folder.iterdir()) == []


def refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert result.out == ""
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in lines[0]
    for word in words:
        assert word in lines[0]


def onnx_file(path: Path, *, op_type: str = "MatMul", location: str | None = None) -> Path:
    """A model of one node; its weight lies in the file `location` when that is given."""
    weight = numpy_helper.from_array(WEIGHT, "weight")
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    node = helper.make_node(op_type, ["x", "weight"], ["y"], name="the_node")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph([node], "g", [x], [onnx.ValueInfoProto(name="y")], [weight])
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    return path


def convert(edgeconv: Command, model: Path | str, folder: Path, *more: object) -> Result:
    return edgeconv("convert", model, folder / "out.edge", *more)


def test_not_onnx(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "photo.onnx").write_bytes(b"\xff\xd8\xff\xe0 this is a photograph")
    refused(convert(edgeconv, tmp_path / "photo.onnx", folder, "--calib", "random:2"), 4, "photo.onnx", "not an ONNX")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x18\0\0\0EDG1", "is an .edge file"),
        (b"\x1c\0\0\0TFL3", "LiteRT"),
        (b"PK\x03\x04\0\0\0\0", "torch.onnx.export"),
        (b"\x89HDF\r\n\x1a\n", "Keras"),
    ],
)
def test_what_is_mistaken_for_onnx(edgeconv: Command, tmp_path: Path, folder: Path, content: bytes, words: str) -> None:
    (tmp_path / "model").write_bytes(content + bytes(64))
    refused(convert(edgeconv, tmp_path / "model", folder, "--calib", "random:2"), 4, words, "not an ONNX model")


def test_an_input_that_is_not_there(edgeconv: Command, edge_file: Path, input_file: Path) -> None:
    refused(edgeconv("run", edge_file, "-i", f"picture={input_file}"), 2, "the model's inputs are 'input'")


@pytest.mark.parametrize("kind", ["zipapp", "c"])
def test_deploy_names_the_damaged_file(edgeconv: Command, edge_file: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "cut.edge").write_bytes(edge_file.read_bytes()[:1000])
    target = tmp_path / ("out.c" if kind == "c" else "out.pyz")
    refused(
        edgeconv("deploy", tmp_path / "cut.edge", "--format", kind, "-o", target), 4, "cut.edge: the file is damaged"
    )


def test_empty_file(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(convert(edgeconv, tmp_path / "empty.onnx", folder, "--calib", "random:2"), 4, "not an ONNX")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_truncated_onnx(edgeconv: Command, tmp_path: Path, folder: Path, share: float) -> None:
    whole = Path(MODEL).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: int(len(whole) * share)])
    refused(convert(edgeconv, tmp_path / "cut.onnx", folder, "--calib", "random:2"), 4, "cut")


def test_missing_model(edgeconv: Command, folder: Path) -> None:
    refused(convert(edgeconv, folder / "nowhere.onnx", folder, "--calib", "random:2"), 2, "nowhere.onnx")


def test_unsupported_operator_names_node_type_and_the_way_on(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    model = onnx_file(tmp_path / "m.onnx", op_type="Hologram")
    result = convert(edgeconv, model, folder, "--calib", "random:2")
    refused(result, 5, "the_node", "Hologram", "extract_model")


def test_missing_external_data(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    model = onnx_file(tmp_path / "m.onnx", location="weights.bin")
    refused(convert(edgeconv, model, folder, "--calib", "random:2"), 4, "weights.bin", "missing")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin"])
def test_external_data_outside_the_folder(edgeconv: Command, tmp_path: Path, folder: Path, location: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "secret.bin").write_bytes(WEIGHT.tobytes())
    (inner / "link.bin").symlink_to(tmp_path / "secret.bin")
    model = onnx_file(inner / "m.onnx", location=location)
    refused(convert(edgeconv, model, folder, "--calib", "random:2"), 4, "outside")


def test_truncated_external_data(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHT.tobytes()[:-1])
    model = onnx_file(tmp_path / "m.onnx", location="weights.bin")
    refused(convert(edgeconv, model, folder, "--calib", "random:2"), 4, "weight")


BAD_ARRAYS: dict[str, tuple[dict[str, Array], str]] = {
    "name": ({"image": X}, "'image'"),
    "rank": ({"x": X[:, :, None, None]}, "shape"),
    "dimension": ({"x": X[:, :3]}, "shape"),
    "dtype": ({"x": X.astype(np.complex64)}, "complex64"),
    "text": ({"x": X.astype(str)}, "<U"),
    "NaN": ({"x": np.where(X > 1, np.nan, X).astype(np.float32)}, "NaN"),
    "infinity": ({"x": np.where(X > 1, np.inf, X).astype(np.float32)}, "infinity"),
    "no samples": ({"x": X[:0]}, "no samples"),
    "labels of another length": ({"x": X, "labels": np.zeros(3, np.int64)}, "labels"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_calibration_arrays(edgeconv: Command, tmp_path: Path, folder: Path, case: str) -> None:
    arrays, word = BAD_ARRAYS[case]
    np.savez(tmp_path / "calib.npz", **arrays)
    model = onnx_file(tmp_path / "m.onnx")
    refused(convert(edgeconv, model, folder, "--calib", tmp_path / "calib.npz"), 1, "calib.npz", word)


def test_empty_folder_of_samples(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "samples").mkdir()
    refused(convert(edgeconv, MODEL, folder, "--calib", tmp_path / "samples"), 1, "samples")


def test_missing_samples(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    refused(convert(edgeconv, MODEL, folder, "--calib", tmp_path / "none.npz"), 1, "none.npz", "no such file")


def test_pickled_samples_are_not_read(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(folder / "trapped"),)

    np.save(tmp_path / "calib.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    refused(convert(edgeconv, MODEL, folder, "--calib", tmp_path / "calib.npy"), 4, "pickle")
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap()))
    refused(convert(edgeconv, MODEL, folder, "--calib", tmp_path / "plain.npy"), 4, "plain.npy")


def test_truncated_edge(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    whole, cut = edge_file.read_bytes(), tmp_path / "cut.edge"
    for size in [*range(0, 64, 7), *range(64, len(whole), len(whole) // 20), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        refused(edgeconv("verify", cut), 4, "cut.edge")
        refused(edgeconv("run", cut, "-i", "random:1"), 4, "cut.edge")


def test_flipped_byte(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    whole, bad = edge_file.read_bytes(), tmp_path / "bad.edge"
    for position in range(0, len(whole), len(whole) // 60):
        changed = bytearray(whole)
        changed[position] ^= 0x10
        bad.write_bytes(changed)
        refused(edgeconv("verify", bad), 4)


def test_edge_name_with_other_contents(edgeconv: Command, tmp_path: Path) -> None:
    (tmp_path / "x.edge").write_bytes(Path(MODEL).read_bytes())
    for command in (("inspect",), ("verify",), ("run", "-i", "random:1"), ("evaluate", "--data", TEST)):
        refused(edgeconv(command[0], tmp_path / "x.edge", *command[1:]), 4, "not a .edge file")


def test_output_exists(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "there.edge"
    target.write_bytes(b"precious")
    refused(edgeconv("convert", MODEL, target, "--calib", CALIB), 2, "there.edge", "--force")
    assert target.read_bytes() == b"precious"
    assert edgeconv("convert", MODEL, target, "--calib", CALIB, "--force").code == 0
    assert target.read_bytes()[4:8] == b"EDG1"
    assert sorted(tmp_path.iterdir()) == [target, tmp_path / "work"]


def test_output_is_the_model_or_a_folder(edgeconv: Command, folder: Path) -> None:
    refused(edgeconv("convert", MODEL, MODEL, "--calib", CALIB, "--force"), 2, "the model itself")
    refused(edgeconv("convert", MODEL, folder, "--calib", CALIB, "--force"), 2, "folder")
    refused(edgeconv("convert", MODEL, folder / "m.onnx", "--calib", CALIB), 2, "name it m.edge")


def test_unwritable_output(edgeconv: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    refused(edgeconv("convert", MODEL, tmp_path / "file" / "x.edge", "--calib", CALIB), 1, "cannot write")
    refused(edgeconv("convert", MODEL, tmp_path / "gone" / "x.edge", "--calib", CALIB), 1, "cannot write")
    refused(edgeconv("convert", MODEL, "/proc/x.edge", "--calib", CALIB), 1, "cannot write")


def test_unwritable_report_stops_before_the_work(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    given = ("--calib", CALIB, "--eval", TEST, "--report")
    refused(convert(edgeconv, MODEL, folder, *given, tmp_path / "file"), 2, "is a file")
    refused(convert(edgeconv, MODEL, folder, *given, tmp_path / "file" / "r"), 1, "cannot write")
    refused(convert(edgeconv, MODEL, folder, *given, "/proc/r"), 1, "cannot write")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "report.md").write_bytes(b"")
    refused(convert(edgeconv, MODEL, folder, *given, tmp_path / "old"), 2, "--force")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["--calib", "random:8"]),
        (("--calib", CALIB, "--exclude", "*nothing*"), ["--exclude", "'*nothing*'", "near names"]),
        (("--calib", CALIB, "--exclude-op", "Conv"), ["--exclude-op", "'Conv'"]),
        (("--precision", "fp32", "--exclude", "*"), ["--exclude", "fp32"]),
        (("--calib", CALIB, "--input-shape", "y:1,30"), ["'y'", "'input'"]),
        (("--calib", CALIB, "--input-shape", "1,30"), ["NAME:D,D"]),
        (("--calib", CALIB, "--input-shape", "input:1,31"), ["--input-shape", "31"]),
        (("--calib", CALIB, "--input-shape", "input:1,x y"), ["NAME:D,D"]),
        (("--calib", CALIB, "--input-shape", "input:1,30", "--input-shape", "input:2,30"), ["twice"]),
        (("--calib", CALIB, "--metric", "top1"), ["--eval"]),
        (("--calib", CALIB, "--max-drop", "0.01"), ["--eval"]),
        (("--calib", CALIB, "--eval", "random:4", "--metric", "top1"), ["labels"]),
        (("--calib", CALIB, "--eval", "random:4", "--max-drop", "0.01"), ["--max-drop", "labels"]),
        (("--calib", CALIB, "--eval", TEST, "--max-drop", "5"), ["--max-drop", "0<=x<=1"]),
        (("--calib", CALIB, "--method", "magic"), ["--method", "magic"]),
        (("--calib", CALIB, "--scale", "many"), ["--scale"]),
        (("--calib", CALIB, "--samples", "0"), ["--samples"]),
        (("--calib", CALIB, "--frobnicate"), ["--frobnicate"]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value, tuple) else None,
)
def test_options_that_make_no_sense(
    edgeconv: Command, folder: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    refused(convert(edgeconv, MODEL, folder, *arguments), 2, *words)


def test_eval_data_is_opened_before_calibration(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    np.savez(tmp_path / "calib.npz", input=np.full((3, 30), np.nan, np.float32))
    result = convert(edgeconv, MODEL, folder, "--calib", tmp_path / "calib.npz", "--eval", tmp_path / "typo.npz")
    refused(result, 1, "typo.npz")


def test_labels_beyond_the_classes(edgeconv: Command, tmp_path: Path, edge_file: Path) -> None:
    np.savez(tmp_path / "t.npz", input=np.zeros((3, 30), np.float32), labels=np.array([0, 1, 7]))
    refused(edgeconv("evaluate", edge_file, "--data", tmp_path / "t.npz"), 1, "t.npz: the labels", "7", "classes")


def test_control_characters_in_names_do_not_reach_the_terminal(edgeconv: Command, tmp_path: Path, folder: Path) -> None:
    np.savez(tmp_path / "calib.npz", **{"evil\x1b[2J\nname": X})
    result = convert(edgeconv, MODEL, folder, "--calib", tmp_path / "calib.npz")
    assert "\x1b" not in result.err
    assert len(result.err.splitlines()) == 1


def test_interrupt_during_calibration(tmp_path: Path, folder: Path) -> None:
    shape = ["convert", MODEL, str(folder / "out.edge"), "--calib", "random:100000000"]
    # A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{hear}; from edgeconv_cli.main import main; main()", *shape]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _wait_until_busy(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (1, "", "interrupted\n")


def _wait_until_busy(pid: int) -> None:
    """Until the process has computed for a second beyond start-up: then it is calibrating."""
    ticks = os.sysconf("SC_CLK_TCK")
    for _ in range(300):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks > 1.5:
            return
        time.sleep(0.1)
    raise AssertionError("the conversion did not get going")
