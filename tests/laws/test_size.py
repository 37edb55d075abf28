"""Size is watched: no function over 60 lines, no file over 400; and a library does not print."""

from __future__ import annotations

import ast

import pytest

from tests.laws.sources import Source, are_lean, sources

MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_A_FILE = 400

every_source = pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)


@every_source
def test_no_file_is_too_long(source: Source) -> None:
    assert source.text.count("\n") <= MOST_LINES_OF_A_FILE


@every_source
def test_no_function_is_too_long(source: Source) -> None:
    functions = [n for n in ast.walk(source.tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f"{n.name} (line {n.lineno})": (n.end_lineno or n.lineno) - n.lineno + 1 for n in functions}
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION}


@every_source
@pytest.mark.skipif(are_lean(), reason="a wheel has docstrings only where users look")
def test_every_module_says_what_it_is(source: Source) -> None:
    assert ast.get_docstring(source.tree), f"{source.path} has no docstring"


@every_source
def test_nothing_prints(source: Source) -> None:
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
