"""What gets installed: edgeconv and edgeconv_cli, whole, and nothing else."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, files
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
        found = files("edgeconv") or []
    except PackageNotFoundError:
        pytest.skip("edgeconv runs from its checkout, nothing is installed")
    if any(path.name.startswith("__editable__") for path in found):
        pytest.skip("an editable installation has no files of its own")
    tops = {PurePosixPath(path).parts[0] for path in map(str, found) if path.endswith(".py")}
    assert tops == PACKAGES
    assert any(str(path) == "edgeconv/py.typed" for path in found)
