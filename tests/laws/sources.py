"""The source files under law, wherever edgeconv was imported from, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import edgeconv
from edgeconv import archived

__all__ = ["REPOSITORY", "Source", "are_lean", "imports_of", "sources", "unpacked"]

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout, or the copy of its tests and documents that the built wheel is tested in."""


@dataclass(frozen=True, eq=False)
class Source:
    """One file: its module name ("edgeconv.ops.conv", "edgeconv_cli.main"), where it is, and what it says."""

    module: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        """True for an `__init__.py`."""
        return self.path.name == "__init__.py"


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of edgeconv and of its command line, and every module that a wheel's archive has instead."""
    files = (*_below("edgeconv", Path(edgeconv.__file__).parent), *_below("edgeconv_cli", _cli_folder()))
    return (*files, *(Source(_name(place), Path(place), text) for place, text in archived.sources().items()))


def are_lean() -> bool:
    """True where edgeconv comes from a wheel, whose modules `setup.py` has stripped."""
    return ast.get_docstring(next(each for each in sources() if each.module == "edgeconv.ops.conv").tree) is None


def imports_of(source: Source, *, at_run_time: bool = False) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file, those inside functions too; `from a import b` gives "a.b" where that
    is a module of ours, else "a". `at_run_time` leaves out what only type checkers read.
    """
    package = source.module if source.is_package else source.module.rpartition(".")[0]
    unread = _for_type_checkers(source.tree) if at_run_time else set()
    for node in ast.walk(source.tree):
        if node in unread:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, _module(base, alias.name)) for alias in node.names)


def _for_type_checkers(tree: ast.Module) -> set[ast.AST]:
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return {node for block in blocks for statement in block.body for node in ast.walk(statement)}


def _module(base: str, name: str) -> str:
    known = {source.module for source in sources()}
    return f"{base}.{name}" if f"{base}.{name}" in known else base


def unpacked(archive: bytes) -> dict[str, str]:
    """Path -> source of what a wheel's archive holds."""
    first, *parts = archive.split(b"\f")
    words = first.decode("unicode_escape").split(" ")
    texts = ("".join(words[code - 128] if code > 127 else chr(code) for code in part) for part in parts)
    return {place: source for place, _, source in (text.partition("\n") for text in texts)}


def _cli_folder() -> Path:
    spec = find_spec("edgeconv_cli")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent
    return REPOSITORY / "cli"


def _below(package: str, folder: Path) -> Iterator[Source]:
    for path in sorted(folder.rglob("*.py")):
        name = _name(f"{package}/{path.relative_to(folder).as_posix()}")
        yield Source(name, path, path.read_text(encoding="utf-8"))


def _name(place: str) -> str:
    return place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
