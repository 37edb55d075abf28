"""The wheel under law."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.laws.sources import REPOSITORY


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the tests run against, where they run against one; else one built from this checkout."""
    if not (REPOSITORY / "setup.py").exists():
        (found,) = (REPOSITORY.parent / "dist").glob("edgeconv-*.whl")
        return found
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("edgeconv", "cli"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs").mkdir()
    for name in ("setup.py", "pyproject.toml", "docs/package.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if "satisfies the requirement setuptools" in done.stderr:
        pytest.skip("the build needs setuptools from a package index, and there is none")
    assert done.returncode == 0, done.stderr
    (found,) = (folder / "dist").glob("edgeconv-*.whl")
    return found
