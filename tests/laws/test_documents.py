"""Documents say what the code does: generated tables are fresh, what README names exists, what it shows works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import edgeconv
from tests.laws.sources import REPOSITORY, are_lean

pytest.importorskip("onnx", reason="the documents are about the converter, too")
commands = pytest.importorskip("edgeconv_cli.main", reason="edgeconv is not installed").commands

DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"),
    *("docs/architecture.md", "docs/operators.md", "docs/raspberry-pi.md"),
]
_EDGECONV = ["-c", "from edgeconv_cli.main import main; main()"]
each_document = pytest.mark.parametrize("document", DOCUMENTS)


def _text(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def _blocks(document: str, language: str) -> list[str]:
    """The fenced blocks in a language, indentation removed."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", _text(document), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@pytest.mark.skipif(are_lean(), reason="they are made of docstrings that a wheel does not have")
def test_generated_parts_are_fresh() -> None:
    script = str(REPOSITORY / "docs" / "generate.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run `make docs`"


def test_the_changelog_has_the_current_version() -> None:
    assert re.search(rf"^## {re.escape(edgeconv.__version__)}\b", _text("CHANGELOG.md"), re.MULTILINE)


@each_document
def test_every_command_named_exists(document: str) -> None:
    named = set(re.findall(r"`(?:[^`\n]*/)?edgeconv ([a-z]+)\b", _text(document)))
    named |= {
        line.split()[1]
        for block in _blocks(document, "sh")
        for line in block.splitlines()
        if line.startswith("edgeconv ")
    }
    assert named <= set(commands.commands)


@each_document
def test_every_make_target_named_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z0-9-]+)", _text(document))) <= targets


@each_document
def test_every_link_leads_somewhere(document: str) -> None:
    folder = (REPOSITORY / document).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)", _text(document)) if "://" not in link]
    assert not [link for link in links if not (folder / link).exists()]


@pytest.mark.parametrize("document", ["README.md", "docs/raspberry-pi.md", "examples/README.md"])
def test_what_is_shown_works(document: str, tmp_path: Path) -> None:
    for folder in ("sample_models", "examples"):
        (tmp_path / folder).symlink_to(REPOSITORY / folder)
    (tmp_path / ".demo").mkdir()
    shown = [line for block in _blocks(document, "sh") for line in block.splitlines() if _is_ours(line)]
    for line in [*_demo(document), *shown]:
        words = shlex.split(line, comments=True)
        start = _EDGECONV if words[0] == "edgeconv" else []
        _run([*start, *words[1:]], tmp_path)
    for block in _blocks(document, "python"):
        _run(["-c", block], tmp_path)
    for block in _blocks(document, "py"):  # needs hardware
        compile(block, document, "exec")


def _demo(document: str) -> list[str]:
    """The command of `make demo`, where its output is shown."""
    found = re.search(r"^\$ (edgeconv convert(?:[^\n]*\\\n)+[^\n]*)", _text(document), re.MULTILINE)
    return [] if found is None else [found[1].replace("\\\n", " ")]


def _is_ours(line: str) -> bool:
    return line.startswith(("edgeconv ", "python3 examples/", "python3 sample_models/"))


def _run(arguments: list[str], folder: Path) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
