"""Python source made smaller without being written anew: what is left stands as it stood.

`strip_source` cuts docstrings, comments, annotations that nothing reads when the code runs, and what lines and spaces
readers alone need: a statement is one line, a level of indentation one space. What annotates a field stays, since
dataclasses are made of it. `lean_source` makes a module of the wheel (`setup.py`), of which more may stay (`Kept`), and
cuts the imports that nothing needs any more. The text is cut, not printed from a tree, so that every version of Python
gives the same bytes, and they run on the oldest.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard, Union

__all__ = ["Kept", "lean_source", "strip_source"]

_Edit = tuple[int, int, bytes]
_Placed = Union[ast.stmt, ast.expr, ast.arg]
_Scope = Union[ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (ast.Module, ast.ClassDef, *_FUNCTIONS)


@dataclass(frozen=True)
class Kept:
    """What stays of that which the program itself does not need.

    `public`: docstrings and annotations of the module, and of its classes and functions whose names are public.
    `decorated`: docstrings of functions that have a decorator. `words`: annotations of parameters that mention these.
    `checked`: annotations of keyword-only parameters of functions that this decorator is called for.
    """

    public: bool = False
    decorated: bool = False
    words: tuple[str, ...] = ()
    checked: str = ""


def strip_source(text: str, kept: Kept | None = None) -> str:
    """`text` without what the program does not need to run."""
    data = text.encode()
    tree, place = ast.parse(text), _Places(data)
    edits = [*_tree_edits(tree, place, kept or Kept()), *_comment_edits(text, place)]
    return _compact(place.cut(edits))


def lean_source(text: str, kept: Kept | None = None) -> str:
    """`text` stripped, and without the imports, type checkers' blocks and lists of names that nothing reads then."""
    kept = kept or Kept()
    text = strip_source(text, kept)
    while text != (shorter := _without_unread(text, kept)):
        text = shorter
    return text


class _Places:
    """Where nodes stand in a text, and that text with parts of it replaced."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.starts = [0]
        for line in data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def start(self, node: _Placed) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: _Placed) -> int:
        return self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def cut(self, edits: list[_Edit]) -> str:
        parts, position = [], 0
        for start, end, replacement in sorted(edits):
            if start >= position:
                parts += [self.data[position:start], replacement]
                position = end
        return b"".join([*parts, self.data[position:]]).decode()


def _walk(node: ast.AST, scope: _Scope, is_public: bool) -> Iterator[tuple[ast.AST, _Scope, bool]]:
    """Every node below, the scope that it belongs to (a scope to itself), and whether users know that by its name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            name = "" if isinstance(child, ast.Module) else child.name
            is_known = is_public and not isinstance(scope, _FUNCTIONS) and (name[:1] != "_" or name.endswith("__"))
            yield child, child, is_known
            yield from _walk(child, child, is_known)
        else:
            yield child, scope, is_public
            yield from _walk(child, scope, is_public)


def _tree_edits(tree: ast.Module, place: _Places, kept: Kept) -> Iterator[_Edit]:
    """Edits for docstrings and annotations."""
    for node, scope, is_public in [(tree, tree, True), *_walk(tree, tree, True)]:
        stays = kept.public and is_public
        is_decorated = isinstance(scope, _FUNCTIONS) and bool(scope.decorator_list)
        body = getattr(node, "body", None)
        if isinstance(body, list) and not stays and not (kept.decorated and is_decorated):
            yield from _text_edits(node, body, place)
        if isinstance(node, ast.AnnAssign):
            is_field = isinstance(scope, ast.ClassDef) and not (_is_of_class(node) and not stays)
            if not is_field and not (stays and scope is tree):
                yield _assignment_edit(node, place)
        elif _is_registered(scope):
            continue
        elif not stays and isinstance(node, ast.arg) and node.annotation is not None:
            words = {each.id for each in ast.walk(node.annotation) if isinstance(each, ast.Name)}
            if words.isdisjoint(kept.words) and not _is_checked(node, scope, kept.checked):
                yield place.start(node), place.end(node), node.arg.encode()
        elif not stays and isinstance(node, _FUNCTIONS) and node.returns is not None:
            arrow = place.data.rindex(b"->", 0, place.start(node.returns))
            yield len(place.data[:arrow].rstrip()), place.end(node.returns), b""


def _is_checked(node: ast.arg, scope: _Scope, decorator: str) -> bool:
    """True for a keyword-only parameter of a function that `decorator` is called for."""
    if not isinstance(scope, _FUNCTIONS) or node not in scope.args.kwonlyargs:
        return False
    calls = [each.func for each in scope.decorator_list if isinstance(each, ast.Call)]
    return any(isinstance(each, ast.Name) and each.id == decorator for each in calls)


def _is_of_class(node: ast.AnnAssign) -> bool:
    """True for `ClassVar` with a value, which is no field of a dataclass, annotated or not."""
    return node.value is not None and ast.unparse(node.annotation).startswith("ClassVar")


def _is_registered(scope: _Scope) -> bool:
    """True for one form of a `functools.singledispatch`, which reads its annotations."""
    decorators = scope.decorator_list if isinstance(scope, _FUNCTIONS) else []
    return any(isinstance(each, ast.Attribute) and each.attr == "register" for each in decorators)


def _text_edits(node: ast.AST, body: list[ast.stmt], place: _Places) -> Iterator[_Edit]:
    texts = [each for each in body if _is_text(each)]
    for text in texts:
        is_needed = len(texts) == len(body) and text is texts[-1] and not isinstance(node, ast.Module)
        yield place.start(text), place.end(text), b"pass" if is_needed else b""


def _assignment_edit(node: ast.AnnAssign, place: _Places) -> _Edit:
    if node.value is None:
        return place.start(node), place.end(node), b"pass"
    return place.end(node.target), place.end(node.annotation), b""


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _comment_edits(text: str, place: _Places) -> Iterator[_Edit]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            begin = place.starts[token.start[0] - 1] + len(token.line[: token.start[1]].encode())
            yield begin, begin + len(token.string.encode()), b""


def _without_unread(text: str, kept: Kept) -> str:
    """`text` without imports whose names it does not mention, and without `__all__` where that lists no import."""
    tree, place = ast.parse(text), _Places(text.encode())
    read = set(_words(tree))
    edits = []
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            if not any(_bound(alias) in read for each in node.body for alias in getattr(each, "names", ())):
                edits.append((place.start(node), place.end(node), b""))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            edits += _import_edits(node, place, read, tree)
        elif not kept.public and _is_list_of_names(node) and not _imported(tree) & set(ast.literal_eval(node.value)):
            edits.append((place.start(node), place.end(node), b""))
    return _compact(place.cut(edits))


def _words(tree: ast.Module) -> Iterator[str]:
    """Names that a module mentions, in texts as well: `getattr`, `__all__` and annotations in quotes may read these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\w+", node.value)


def _import_edits(
    node: ast.Import | ast.ImportFrom, place: _Places, read: set[str], tree: ast.Module
) -> Iterator[_Edit]:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        if not any(map(_has_annotation, ast.walk(tree))):
            yield place.start(node), place.end(node), b""
        return
    wanted = [alias for alias in node.names if _bound(alias) in read]
    if len(wanted) < len(node.names):
        left = ast.unparse(type(node)(**{**vars(node), "names": wanted})) if wanted else ""
        yield place.start(node), place.end(node), left.encode()


def _has_annotation(node: ast.AST) -> bool:
    return getattr(node, "annotation", None) is not None or getattr(node, "returns", None) is not None


def _imported(tree: ast.Module) -> set[str]:
    imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    return {_bound(alias) for each in imports for alias in each.names}


def _is_list_of_names(node: ast.stmt) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _compact(text: str) -> str:
    """`text` with one line for each statement, the least indentation, and no space that nothing needs.

    Strings stay as they are.
    """
    parts: list[str] = []
    level, last = 0, "\n"
    for kind, word in _tokens(text):
        if kind in (tokenize.INDENT, tokenize.DEDENT):
            level += 1 if kind == tokenize.INDENT else -1
        elif kind == tokenize.NEWLINE:
            parts.append(last := "\n")
        elif kind not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            parts += [" " * level if last == "\n" else " " * _needs_space(last, word), word]
            last = word
    return "".join(parts)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """(kind, text) of every token; a formatted string is one, as it was before Python 3.12."""
    lines = text.split("\n")
    starts, ends = (getattr(tokenize, f"FSTRING_{name}", None) for name in ("START", "END"))
    depth, begin = 0, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == starts:
            begin = begin if depth else token.start
            depth += 1
        elif token.type == ends:
            depth -= 1
            if not depth:
                yield tokenize.STRING, _between(lines, begin, token.end)
        elif not depth:
            yield token.type, token.string


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from one place to another, each (line, characters into it)."""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    return "\n".join([lines[start[0] - 1][start[1] :], *lines[start[0] : end[0] - 1], lines[end[0] - 1][: end[1]]])


def _needs_space(left: str, right: str) -> bool:
    """True where two tokens would be read as one: words, strings, or a word as what stands before a string."""
    return (left[-1].isalnum() or left[-1] in "_\"'") and (right[0].isalnum() or right[0] in "_\"'")
