"""The wheel: small, and whole where users look: what README shows has its documentation and its types."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.laws.sources import REPOSITORY

MOST_BYTES_OF_THE_RUNTIME = 250_000
"""Of core, ops and runtime, as they are in the wheel."""

_RUNTIME = ("__init__.py", "core.py", "dims.py", "errors.py", "records.py", "ops", "runtime")
_SHOWN = {
    "edgeconv/__init__.py": (),
    "edgeconv/api.py": ("load", "convert", "evaluate"),
    "edgeconv/calibration.py": ("calibrate",),
    "edgeconv/comparison.py": ("compare",),
    "edgeconv/model.py": ("Model", "Model.save", "Model.to_bytes"),
    "edgeconv/report/accuracy.py": ("AccuracyReport", "AccuracyReport.to_html"),
    "edgeconv/graph/graph.py": ("Graph", "Graph.text"),
    "edgeconv/runtime/interpreter.py": ("Interpreter", "Interpreter.run", "Interpreter.profile"),
    "edgeconv/runtime/litert.py": ("LiteRTCalls.set_tensor", "LiteRTCalls.invoke"),
    "edgeconv_cli/convert.py": ("convert",),
    "edgeconv_cli/verify.py": ("verify",),
}
"""File in the wheel -> what `help` must explain there; the module, always, but for commands."""


@pytest.fixture(scope="module")
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


def test_the_runtime_stays_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        members = [(each.filename.split("/"), each.compress_size) for each in archive.infolist()]
    sizes = {"/".join(parts): size for parts, size in members if parts[0] == "edgeconv" and parts[1] in _RUNTIME}
    assert sizes
    assert sum(sizes.values()) <= MOST_BYTES_OF_THE_RUNTIME, sorted(sizes.items(), key=lambda item: -item[1])[:10]


@pytest.mark.parametrize("path", _SHOWN)
def test_what_users_meet_is_explained(path: str, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tree = ast.parse(archive.read(path))
    found = {**_definitions(tree, ""), **({} if path.startswith("edgeconv_cli") else {"": tree})}
    shown = {name: found[name] for name in _SHOWN[path]} | {name: node for name, node in found.items() if not name}
    assert not [name for name, node in shown.items() if ast.get_docstring(node) is None]


def _definitions(node: ast.AST, prefix: str) -> dict[str, ast.ClassDef | ast.FunctionDef | ast.Module]:
    found: dict[str, ast.ClassDef | ast.FunctionDef | ast.Module] = {}
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            found[f"{prefix}{child.name}"] = child
            found |= _definitions(child, f"{prefix}{child.name}.") if isinstance(child, ast.ClassDef) else {}
    return found


def test_what_users_write_has_types(wheel: Path, tmp_path: Path) -> None:
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed: make types brings it")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    shutil.copy(REPOSITORY / "tests" / "laws" / "user_code.py", tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", "user_code.py"]
    environment = {**os.environ, "MYPYPATH": "installed"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
