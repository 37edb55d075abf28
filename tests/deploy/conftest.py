"""Deployed files of the golden models, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv_cli.main import run_commands
from tests.golden.files import edge_file


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The residual network as one file."""
    target = tmp_path_factory.mktemp("deployed") / "digits.pyz"
    assert run_commands(["deploy", str(edge_file("digits_resnet")), "-o", str(target), "--quiet"]) == 0
    return target


@pytest.fixture(scope="session")
def with_float(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with one float operator, as one file."""
    folder, samples = tmp_path_factory.mktemp("deployed"), Path(__file__).parents[2] / "sample_models" / "cancer_mlp"
    given = [str(samples / "model.onnx"), str(folder / "cancer.edge"), "--calib", str(samples / "calib.npz"), "--quiet"]
    assert run_commands(["convert", *given]) == 0
    assert run_commands(["deploy", str(folder / "cancer.edge"), "-o", str(folder / "cancer.pyz"), "--quiet"]) == 0
    return folder / "cancer.pyz"
