"""A document as Markdown (GitHub's flavour). Whatever comes from a model or a path is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import singledispatch

from edgeconv.report.document import (
    Bars,
    Changes,
    Depth,
    Document,
    Facts,
    Flame,
    Grid,
    Note,
    Picture,
    Spreads,
    Table,
)
from edgeconv.report.text import printable

__all__ = ["escape", "render_markdown"]

_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&$]|:(?=//)")
"""Characters that can start markup, a link, a formula or HTML."""


def render_markdown(document: Document, title: str) -> str:
    """The document under a title of the first level."""
    parts = [f"# {escape(title)}"]
    for section in document:
        parts.append(f"## {escape(section.title)}")
        parts.extend("\n".join(_lines(block)) for block in section.blocks)
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` such that Markdown shows it as it is, on one line; no markup, no HTML, no link."""
    return _SPECIAL.sub(lambda match: _HTML.get(match.group(), "\\" + match.group()), printable(text))


@singledispatch
def _lines(block: object) -> Iterator[str]:
    raise TypeError(f"no way to draw a {type(block).__name__}")


@_lines.register
def _(block: Facts) -> Iterator[str]:
    yield from _table(Table(("", ""), block.rows, "ll"))


@_lines.register
def _(block: Note) -> Iterator[str]:
    if block.code:
        yield from _fenced(printable(block.text))
        return
    text = escape(block.text)
    yield f"**{text}**" if block.strong else text


@_lines.register
def _(block: Table) -> Iterator[str]:
    yield from _table(block)


@_lines.register(Changes)
@_lines.register(Bars)
@_lines.register(Depth)
@_lines.register(Spreads)
@_lines.register(Grid)
@_lines.register(Flame)
def _(block: Picture) -> Iterator[str]:
    yield from _table(block.table)


def _fenced(text: str) -> Iterator[str]:
    """A block of code; the fence is longer than any in the text."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    yield from (f"{fence}sh", text, fence)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield "| " + " | ".join("---:" if side == "r" else ":---" for side in table.align) + " |"
    for row in table.rows:
        yield _row(row)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"
