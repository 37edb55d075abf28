"""edgeconv deploy on the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from edgeconv.runtime import Interpreter
from tests.cli.conftest import MODEL, TEST, Command


def test_deploy(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.pyz"
    result = edgeconv("deploy", edge_file, "-o", target)
    assert (result.code, result.err) == (0, "")
    size = target.stat().st_size
    assert result.out.startswith(f"wrote {target} ({size:,} bytes): the model ({edge_file.stat().st_size:,} bytes), ")
    assert "2 golden samples came out the same when it ran here" in result.out
    assert edgeconv("deploy", edge_file, "-o", target).code == 2
    found = json.loads(edgeconv("deploy", edge_file, "-o", target, "--force", "--json").out)
    assert (found["schema"], found["written"], found["bytes"]) == ("edgeconv/deploy/1", [str(target)], size)
    assert found["operators"] == sorted({type(step.op).__name__ for step in Interpreter(edge_file).program.steps})
    assert found["float_operators"] == ["node_div"]


def test_the_command_that_deploy_shows_can_be_pasted(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    shown = edgeconv("deploy", edge_file, "-o", tmp_path / "my model.pyz").out.splitlines()[-1]
    assert shlex.split(shown) == ["python3", "my model.pyz", "--demo"]


def test_deploy_to_a_folder_replaces_it_whole(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "m"
    given = ("deploy", edge_file, "--format", "dir", "-o", target)
    assert edgeconv(*given).code == 0
    (target / "mine.txt").write_text("old")
    assert edgeconv(*given).code == 2
    assert edgeconv(*given, "--force").code == 0
    assert not (target / "mine.txt").exists()
    assert {"__main__.py", "model.edge", "edgeconv"} <= {path.name for path in target.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    (tmp_path / "file").write_text("")
    assert "name a folder" in edgeconv(*given[:-1], tmp_path / "file", "--force").err


def test_deploy_as_c(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    result = edgeconv("deploy", edge_file, "--format", "c", "-o", tmp_path / "m.c", "--json")
    found = json.loads(result.out)
    assert found["written"] == [str(tmp_path / "m.h"), str(tmp_path / "m.c")]
    assert (found["name"], found["bytes"]) == ("m_model", edge_file.stat().st_size)
    assert "#ifndef M_MODEL_H" in (tmp_path / "m.h").read_text()
    assert edgeconv("deploy", edge_file, "--format", "c", "-o", tmp_path / "m.h").code == 2


def test_deploy_refuses(edgeconv: Command, edge_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.pyz"
    assert edgeconv("deploy", MODEL, "-o", target).code == 4
    assert edgeconv("deploy", edge_file, "-o", edge_file).code == 2
    assert edgeconv("deploy", edge_file, "-o", target, "--golden", tmp_path / "none.npz").code == 1
    assert edgeconv("deploy", edge_file, "--format", "c", "-o", tmp_path / "m.txt").code == 2
    assert edgeconv("deploy", edge_file, "--format", "c", "-o", tmp_path / "m.c", "--golden", TEST).code == 2
    assert not list(tmp_path.iterdir())
