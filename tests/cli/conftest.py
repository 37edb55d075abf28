"""Runs the command line in this process, on a small trained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgeconv_cli.main import run_commands

SAMPLES = Path(__file__).parents[2] / "sample_models" / "cancer_mlp"
MODEL = str(SAMPLES / "model.onnx")
CALIB = str(SAMPLES / "calib.npz")
TEST = str(SAMPLES / "test.npz")


@dataclass(frozen=True)
class Result:
    """What a command line left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def edgeconv(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `edgeconv` with the arguments given."""

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        code = run_commands([str(argument) for argument in arguments])
        found = capsys.readouterr()
        return Result(code, found.out, found.err)

    return command


@pytest.fixture(scope="session")
def edge_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 file of the sample model."""
    path = tmp_path_factory.mktemp("edge") / "model.edge"
    assert run_commands(["convert", MODEL, str(path), "--calib", CALIB, "--quiet"]) == 0
    return path


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    """Three samples for the sample model, as .npy."""
    with np.load(TEST) as data:
        np.save(tmp_path / "input.npy", data["input"][:3])
    return tmp_path / "input.npy"
