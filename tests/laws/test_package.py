"""What gets installed: edgeconv and edgeconv_cli, whole, and nothing else."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import PurePosixPath

import pytest

from tests.laws.sources import REPOSITORY, sources

PACKAGES = {"edgeconv", "edgeconv_cli"}


def test_pyproject_lists_every_package() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    listed = settings["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(source.module for source in sources() if source.is_package)


def test_nothing_else_is_installed_at_the_top() -> None:
    try:
        installed = distribution("edgeconv")
    except PackageNotFoundError:
        pytest.skip("edgeconv runs from its checkout, nothing is installed")
    found = [PurePosixPath(path) for path in installed.files or []]
    if installed.read_text("RECORD") is None or any(path.name.startswith("__editable__") for path in found):
        pytest.skip("edgeconv runs from its checkout")
    assert {path.parts[0] for path in found if path.suffix == ".py"} == PACKAGES
    assert PurePosixPath("edgeconv/py.typed") in found
