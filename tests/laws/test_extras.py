"""Without an extra, what does not need it works, and what does says which one to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.sources import REPOSITORY

pytest.importorskip("edgeconv_cli", reason="edgeconv is not installed")

_WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({missing}))
from edgeconv_cli.main import main
main()
"""
_EXTRAS = ("onnx", "google.protobuf", "flatbuffers", "PIL")
_SAMPLE = REPOSITORY / "sample_models" / "digits_resnet"
_EDGE = str(REPOSITORY / "tests" / "golden" / "digits_resnet.edge")


def _run(
    *arguments: str, missing: tuple[str, ...] = _EXTRAS, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command line in a Python that has NumPy and click, but not the packages in `missing`."""
    command = [sys.executable, "-c", _WITHOUT.format(missing=repr(missing)), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["inspect", _EDGE],
        ["verify", _EDGE],
        ["run", _EDGE, "-i", "random:1"],
        ["evaluate", _EDGE, "--data", str(_SAMPLE / "test.npz")],
        ["deploy", _EDGE, "-o", "digits.pyz"],
        ["compare", _EDGE, _EDGE, "--data", str(_SAMPLE / "test.npz"), "--samples", "4"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_numpy_and_click_suffice_to_use_a_model(arguments: list[str], tmp_path: Path) -> None:
    done = _run(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["onnx", "flatbuffers"])
def test_convert_names_its_extra(missing: str, tmp_path: Path) -> None:
    model, target = str(_SAMPLE / "model.onnx"), tmp_path / "model.edge"
    done = _run("convert", model, str(target), "--calib", str(_SAMPLE / "calib.npz"), missing=(missing,))
    assert done.returncode == 1
    assert 'pip install "edgeconv[convert]"' in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_inspect_of_an_onnx_file_names_its_extra() -> None:
    done = _run("inspect", str(_SAMPLE / "model.onnx"))
    assert done.returncode == 1
    assert 'pip install "edgeconv[convert]"' in done.stderr


def test_images_name_their_extra(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = _run("evaluate", _EDGE, "--data", str(tmp_path))
    assert done.returncode == 1
    assert 'pip install "edgeconv[images]"' in done.stderr
