"""What pruning leaves is complete (every name that is read is there), and no more than is needed."""

from __future__ import annotations

import ast
import builtins
import dis
from collections.abc import Iterator, Mapping
from types import CodeType

import pytest

from edgeconv.errors import InternalError
from edgeconv.export.deploy import runtime_sources
from edgeconv.export.prune import prune
from edgeconv.ops import MODULES

_MODULE_ATTRIBUTES = {"__name__", "__file__", "__spec__", "__doc__", "__package__", "__annotations__", "__qualname__"}


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_no_name_is_missing(module: str) -> None:
    names = tuple(name for name, each in MODULES.items() if each == module)
    found = runtime_sources(names)
    assert f"edgeconv/ops/{module}.py" in found
    defined = {path: _defined(ast.parse(text)) for path, text in found.items()}
    for path, text in found.items():
        read = {*_read(compile(text, path, "exec")), *_annotated(ast.parse(text))}
        assert read <= defined[path] | _MODULE_ATTRIBUTES | set(dir(builtins)), path
        for base, name in _imported(ast.parse(text)):
            target = base.replace(".", "/")
            known = defined.get(f"{target}.py", set()) | defined.get(f"{target}/__init__.py", set())
            assert name in known or {f"{target}/{name}.py", f"{target}/{name}/__init__.py"} & set(found), (path, name)


def _defined(tree: ast.Module) -> set[str]:
    """Names that a module's own statements bind."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        else:
            found |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            found |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
    return found


def _read(code: CodeType) -> Iterator[str]:
    """Names that code reads from its module, or from Python itself."""
    bound = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_NAME"}
    for each in dis.get_instructions(code):
        if each.opname == "LOAD_GLOBAL" or (each.opname == "LOAD_NAME" and each.argval not in bound):
            yield each.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _read(inner)


def _annotated(tree: ast.Module) -> Iterator[str]:
    """The one word in annotations that dataclasses look up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            for each in node.body:
                if isinstance(each, ast.AnnAssign):
                    yield from (
                        n.id for n in ast.walk(each.annotation) if isinstance(n, ast.Name) and n.id == "ClassVar"
                    )


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgeconv"):
            yield from ((node.module or "", alias.name) for alias in node.names)


_TEXT = """
from functools import singledispatch
import json
from edgeconv.errors import DataError, UsageError

LIMIT = 3
SPARE = 4
TABLE = {}
TABLE["x"] = 1


def wanted():
    from edgeconv.files import check_target

    return _helper()


def _helper():
    return LIMIT, draw(1), "KEPT_BY_TEXT"


def unwanted():
    raise DataError(json.dumps(SPARE))


KEPT_BY_TEXT = 5


@singledispatch
def draw(x):
    raise UsageError("no")


@draw.register
def _(x: int):
    return x


@onnx_rule("Draw")
def rule(x):
    return draw(x)
"""


def _pruned(*names: str, replaced: Mapping[str, str]) -> dict[str, str]:
    return prune([("edgeconv.report.text", name) for name in names], replaced)


def test_what_a_name_needs_stays_and_the_rest_goes() -> None:
    found = _pruned("wanted", replaced={"edgeconv": "", "edgeconv.report.text": _TEXT})
    kept = found["edgeconv/report/text.py"]
    for words in ("LIMIT=3", "def _helper", "def draw", "@draw.register", "KEPT_BY_TEXT=5", 'TABLE["x"]=1'):
        assert words in kept
    for words in ("SPARE", "unwanted", "json", "DataError", "onnx_rule"):
        assert words not in kept
    assert set(found) == {
        *("edgeconv/__init__.py", "edgeconv/report/__init__.py", "edgeconv/report/text.py"),
        *("edgeconv/errors.py", "edgeconv/files.py"),
    }
    assert found["edgeconv/report/__init__.py"] == ""
    assert "def check_target" in found["edgeconv/files.py"]
    assert "class DataError" not in found["edgeconv/errors.py"]


def test_a_name_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(InternalError, match="defines no 'gone'"):
        _pruned("gone", replaced={"edgeconv.report.text": _TEXT})
