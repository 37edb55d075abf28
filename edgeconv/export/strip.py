"""Python source made smaller without being written anew: what is left stands as it stood.

Gone are docstrings, comments, annotations that nothing reads when the code runs, and empty lines. Annotations of
classes stay, since dataclasses are made of them. The text is cut, not printed from a tree, so that every version of
Python gives the same bytes, and they run on the oldest.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import TypeGuard, Union

__all__ = ["strip_source"]

_Edit = tuple[int, int, bytes]
_Placed = Union[ast.stmt, ast.expr, ast.arg]


def strip_source(text: str) -> str:
    """`text` without what the program does not need to run."""
    data = text.encode()
    starts = _line_starts(data)
    edits = sorted([*_tree_edits(ast.parse(text), data, starts), *_comment_edits(text, starts)])
    parts, position = [], 0
    for start, end, replacement in edits:
        if start >= position:
            parts += [data[position:start], replacement]
            position = end
    parts.append(data[position:])
    return _without_empty_lines(b"".join(parts).decode())


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _tree_edits(tree: ast.Module, data: bytes, starts: list[int]) -> Iterator[_Edit]:
    """Edits for docstrings and annotations."""
    kept = {id(each) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body}

    def start(node: _Placed) -> int:
        return starts[node.lineno - 1] + node.col_offset

    def end(node: _Placed) -> int:
        return starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            texts = [each for each in body if _is_text(each)]
            for text in texts:
                is_needed = len(texts) == len(body) and text is texts[-1] and not isinstance(node, ast.Module)
                yield start(text), end(text), b"pass" if is_needed else b""
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield start(node), end(node), node.arg.encode()
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield len(data[: data.rindex(b"->", 0, start(node.returns))].rstrip()), end(node.returns), b""
        elif isinstance(node, ast.AnnAssign) and id(node) not in kept:
            yield (
                (start(node), end(node), b"pass")
                if node.value is None
                else (end(node.target), end(node.annotation), b"")
            )


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _comment_edits(text: str, starts: list[int]) -> Iterator[_Edit]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            begin = starts[token.start[0] - 1] + len(token.line[: token.start[1]].encode())
            yield begin, begin + len(token.string.encode()), b""


def _without_empty_lines(text: str) -> str:
    """`text` without lines of nothing but spaces, and without spaces at ends of lines; strings stay as they are."""
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start[0] != token.end[0]:
            inside.update(range(token.start[0], token.end[0]))
    lines = text.split("\n")
    kept = [line if n in inside else line.rstrip() for n, line in enumerate(lines, 1) if n in inside or line.strip()]
    return "".join(f"{line}\n" for line in kept)
