"""Deployed files run with NumPy alone, give the same bytes, and say so when they do not."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.runtime import Interpreter
from edgeconv_cli.main import run_commands
from tests.deploy.device import run_bare, run_deployed
from tests.golden.files import MODELS, edge_file, expected, samples
from tests.state.models import CACHE, FRAMES, tcn_model

_YES = "bit-exact on this machine: yes"


def _deploy(edge: Path, target: Path, *options: str) -> Path:
    assert run_commands(["deploy", str(edge), "-o", str(target), "--quiet", *options]) == 0
    return target


@pytest.mark.parametrize("kind", ["zipapp", "dir"])
@pytest.mark.parametrize("name", MODELS)
def test_numpy_alone_gives_the_golden_bytes(name: str, kind: str, tmp_path: Path) -> None:
    target = _deploy(edge_file(name), tmp_path / "model", "--format", kind)
    np.save(tmp_path / "x.npy", samples(name))
    done = run_deployed(tmp_path, target, "x.npy", "-o", "y.npy", "--raw")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected(name))


def test_only_what_the_model_needs_is_inside(deployed: Path) -> None:
    with zipfile.ZipFile(deployed) as archive:
        modules = json.loads(archive.read("edgeconv/modules.json"))
        assert archive.getinfo("model.edge").compress_type == zipfile.ZIP_STORED
        assert archive.read("model.edge") == edge_file("digits_resnet").read_bytes()
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {"edgeconv/runtime/interpreter.py", "edgeconv/ops/conv.py"} <= set(modules)
    strangers = ("softmax", "lstm", "matmul", "einsum", "pad", "gemm")
    assert not [name for name in modules if name in {f"edgeconv/ops/{each}.py" for each in strangers}]
    assert not [name for name in modules if name.startswith(("edgeconv/api", "edgeconv/graph", "edgeconv/quantize"))]


def test_demo(deployed: Path, tmp_path: Path) -> None:
    done = run_deployed(tmp_path, deployed, "--demo")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("digits_resnet.edge: int8, ")
    assert any(line.startswith("latency p50 ") and " ms, p90 " in line for line in lines)
    assert lines[-1] == _YES


@pytest.mark.parametrize("path", ["digits.pyz", "./digits.pyz", "whole"])
def test_import_from_the_file(path: str, deployed: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", samples("digits_resnet"))
    (tmp_path / "digits.pyz").write_bytes(deployed.read_bytes())
    code = f"""
sys.path.insert(0, {path.replace("whole", str(deployed))!r})
import numpy as np
from edgeconv.deployed import open_model
from edgeconv.runtime import Interpreter
interpreter = open_model()
assert isinstance(interpreter, Interpreter)
np.save("y.npy", interpreter(np.load("x.npy"), raw=True))
"""
    done = run_bare(tmp_path, code)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected("digits_resnet"))


def test_a_traceback_shows_the_lines_of_modules_inside(deployed: Path, tmp_path: Path) -> None:
    code = f"""
sys.path.insert(0, {str(deployed)!r})
from edgeconv.runtime import Interpreter
import edgeconv.ops.conv, importlib.util
assert edgeconv.__version__ and edgeconv.ops.conv.__file__.endswith("digits.pyz/edgeconv/ops/conv.py")
assert importlib.util.find_spec("edgeconv.api") is None
try:
    Interpreter(b"no model")
except Exception:
    import traceback
    sys.exit(traceback.format_exc())
"""
    done = run_bare(tmp_path, code)
    assert done.returncode == 1
    assert "digits.pyz/edgeconv/runtime/reader.py" in done.stderr
    assert "raise InvalidModelError(" in done.stderr


def test_the_file_is_executable_and_always_the_same(deployed: Path, tmp_path: Path) -> None:
    again = _deploy(edge_file("digits_resnet"), tmp_path / "again.pyz")
    assert again.read_bytes() == deployed.read_bytes()
    assert again.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert os.access(again, os.X_OK)


def test_outputs_are_shown_and_written(deployed: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", input=samples("digits_resnet")[:2])
    shown = run_deployed(tmp_path, deployed, "x.npz")
    assert shown.stdout.startswith("logits  float32[2,10]")
    best = expected("digits_resnet")[0].argmax()
    assert f"  sample 0: {best}: " in shown.stdout
    assert run_deployed(tmp_path, deployed, "x.npz", "-o", "y.npz").returncode == 0
    with np.load(tmp_path / "y.npz") as found:
        assert found["logits"].shape == (2, 10)
    refused = run_deployed(tmp_path, deployed, "x.npz", "-o", "y.npz")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: y.npz exists already; to replace it, pass --force (overwrite=True in Python)\n",
    )


def test_failures_are_one_line(deployed: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 8, 8), np.float32))
    for arguments, code in ([["x.npy"], 1], [["nowhere.npy"], 1], [["x.npy", "x.npy"], 2]):
        done = run_deployed(tmp_path, deployed, *arguments)
        assert done.returncode == code
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    usage = run_deployed(tmp_path, deployed)
    assert (usage.returncode, usage.stdout[:22]) == (2, "usage: python3 digits.")


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a deployed file with changed members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def _moved(by: int) -> Callable[[str, bytes], bytes]:
    """Changes the last value of the first golden output: its last byte is int8 there."""

    def change(name: str, content: bytes) -> bytes:
        if name != "golden-0-output-0.npy":
            return content
        last = content[-1]
        return content[:-1] + bytes([last + by if last < 128 else last - by])

    return change


def test_a_wrong_output_is_named(deployed: Path, tmp_path: Path) -> None:
    wrong = _rewritten(deployed, tmp_path / "wrong.pyz", _moved(1))
    done = run_deployed(tmp_path, wrong, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "bit-exact on this machine: no",
        "  output 'logits' of sample 0 differs in 1 of 10 values, by at most 1",
    ]


def test_a_damaged_model_is_refused(deployed: Path, tmp_path: Path) -> None:
    def flip(name: str, content: bytes) -> bytes:
        return content[:-70] + bytes([content[-70] ^ 1]) + content[-69:] if name == "model.edge" else content

    done = run_deployed(tmp_path, _rewritten(deployed, tmp_path / "broken.pyz", flip), "--check")
    assert (done.returncode, done.stdout) == (4, "")
    assert "has digest" in done.stderr


def test_a_damaged_model_is_not_deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = edge_file(MODELS[0]).read_bytes()
    (tmp_path / "broken.edge").write_bytes(content[:-70] + bytes([content[-70] ^ 1]) + content[-69:])
    assert run_commands(["deploy", str(tmp_path / "broken.edge"), "-o", str(tmp_path / "broken.pyz")]) == 4
    assert "has digest" in capsys.readouterr().err
    assert not (tmp_path / "broken.pyz").exists()


def test_float_operators_get_a_tolerance_that_is_told(with_float: Path, tmp_path: Path) -> None:
    exact = run_deployed(tmp_path, with_float, "--check")
    assert exact.returncode == 0
    assert exact.stdout.splitlines()[0] == _YES
    assert "other inputs may differ in the last bits of 1 float operator (node_div)" in exact.stdout
    near = run_deployed(tmp_path, _rewritten(with_float, tmp_path / "near.pyz", _moved(2)), "--check")
    assert near.returncode == 0
    assert near.stdout.splitlines()[0] == "bit-exact on this machine: up to 1 float operator (node_div)"
    assert "2 steps of an int8 output" in near.stdout
    far = run_deployed(tmp_path, _rewritten(with_float, tmp_path / "far.pyz", _moved(3)), "--check")
    assert far.returncode == 1
    assert far.stdout.splitlines()[0] == "bit-exact on this machine: no"


def test_golden_samples_of_ones_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", input=samples("digits_resnet")[:3])
    target = _deploy(edge_file("digits_resnet"), tmp_path / "m.pyz", "--golden", str(tmp_path / "mine.npz"))
    with zipfile.ZipFile(target) as archive, archive.open("golden-2-output-0.npy") as stored:
        found = np.load(stored)
        assert archive.getinfo("golden-2-input-0.npy").file_size == 128 + 8 * 8  # a header, and int8 values
    np.testing.assert_array_equal(found, expected("digits_resnet")[2:3])
    assert _YES in run_deployed(tmp_path, target, "--check").stdout


def test_without_numpy_the_file_says_so(deployed: Path, tmp_path: Path) -> None:
    hidden = f"sys.modules['numpy'] = None; sys.argv = [{str(deployed)!r}]; import runpy; runpy.run_path(sys.argv[0])"
    done = run_bare(tmp_path, hidden)
    assert done.returncode == 1
    assert done.stderr.startswith("error: this needs NumPy 1.24 or newer (")


def test_a_state_starts_anew_for_the_check_and_goes_along_in_a_run(tmp_path: Path) -> None:
    model = edgeconv.convert(tcn_model(), {"x": FRAMES}, states=CACHE)
    model.save(tmp_path / "stream.edge")
    target = _deploy(tmp_path / "stream.edge", tmp_path / "stream.pyz")
    done = run_deployed(tmp_path, target, "--demo")
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, _YES, "")
    np.save(tmp_path / "x.npy", FRAMES[:5])
    assert run_deployed(tmp_path, target, "x.npy", "-o", "y.npz").returncode == 0
    interpreter = Interpreter(tmp_path / "stream.edge")
    wanted = np.concatenate([interpreter.run(None, {"x": FRAMES[n : n + 1]})[0] for n in range(5)])
    with np.load(tmp_path / "y.npz") as found:
        np.testing.assert_array_equal(found[interpreter.output_names[0]], wanted)


@pytest.mark.skipif(not os.environ.get("EDGECONV_ASSETS"), reason="EDGECONV_ASSETS is not set")
def test_keyword_spotting_fits_into_110_kilobytes(tmp_path: Path) -> None:
    assets = Path(os.environ["EDGECONV_ASSETS"])
    calibration = assets / "kws_dscnn" / "calib.npz"
    model = edgeconv.convert(assets / "kws_dscnn.onnx", calibration=calibration, effort="fast")
    model.save(tmp_path / "kws.edge")
    target = _deploy(tmp_path / "kws.edge", tmp_path / "kws.pyz")
    assert target.stat().st_size <= 110_000
    assert _YES in run_deployed(tmp_path, target, "--check").stdout
