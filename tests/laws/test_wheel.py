"""The wheel: small, and whole where users look: what README shows has its documentation and its types."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Container
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeconv.archived import ARCHIVE
from tests.laws.sources import REPOSITORY, unpacked

MOST_BYTES = 400_000

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


def test_the_wheel_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES


def test_the_runtime_stays_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        members = [(each.filename.split("/"), each.compress_size) for each in archive.infolist()]
    sizes = {"/".join(parts): size for parts, size in members if parts[0] == "edgeconv" and parts[1] in _RUNTIME}
    assert sizes
    assert sum(sizes.values()) <= MOST_BYTES_OF_THE_RUNTIME, sorted(sizes.items(), key=lambda item: -item[1])[:10]


@pytest.mark.parametrize("path", _SHOWN)
def test_what_users_meet_is_explained(path: str, wheel: Path) -> None:
    tree = ast.parse(_sources(wheel)[path])
    found = {**_definitions(tree, ""), **({} if path.startswith("edgeconv_cli") else {"": tree})}
    shown = {name: found[name] for name in _SHOWN[path]} | {name: node for name, node in found.items() if not name}
    assert not [name for name, node in shown.items() if ast.get_docstring(node) is None]


def test_what_public_names_hand_out_is_in_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {path: ast.parse(archive.read(path)) for path in archive.namelist() if path.endswith(".py")}
    hidden = [
        (path, alias.name)
        for path, tree in files.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not _is_file(node.module or "", files)
        for alias in node.names
        if (alias.asname or alias.name) in _annotating(tree)
    ]
    assert not hidden, "type checkers find no such types: name their modules in FILES of setup.py"


def _is_file(module: str, files: Container[str]) -> bool:
    place = module.replace(".", "/")
    return not module.startswith("edgeconv") or f"{place}.py" in files or f"{place}/__init__.py" in files


def _annotating(tree: ast.Module) -> set[str]:
    """Names that annotations mention."""
    notes = [getattr(node, field, None) for node in ast.walk(tree) for field in ("annotation", "returns")]
    return {each.id for note in notes if note is not None for each in ast.walk(note) if isinstance(each, ast.Name)}


def _sources(wheel: Path) -> dict[str, str]:
    """Path -> source of every module, of those in the archive within, too."""
    with zipfile.ZipFile(wheel) as archive:
        files = {path: archive.read(path).decode() for path in archive.namelist() if path.endswith(".py")}
        return files | unpacked(archive.read(f"edgeconv/{ARCHIVE}"))


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
