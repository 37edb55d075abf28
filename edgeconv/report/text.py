"""A document as plain text for a terminal: aligned columns, no control codes unless a style is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatch
from textwrap import wrap

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

__all__ = ["Style", "printable", "render_text"]

Style = Callable[[str, str], str]
"""(text, role) -> text as it shall appear; roles: "title", "strong", "header"."""

_WIDTH = 80
"""Characters of a line of prose. Tables and commands take what they need."""
_MARGIN = "  "
_GAP = "  "


def render_text(document: Document, style: Style | None = None) -> str:
    """The document as lines; names from a model cannot smuggle control characters in."""
    style = style or _plain
    parts = []
    for section in document:
        lines = [style(printable(section.title), "title")]
        for number, block in enumerate(section.blocks):
            if number and not isinstance(block, (Facts, Note)):
                lines.append("")
            lines.extend(_MARGIN + line for line in _lines(block, style))
        parts.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(parts) + "\n"


def printable(text: str) -> str:
    """`text` on one line without control characters, which could steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _plain(text: str, _: str) -> str:
    return text


@singledispatch
def _lines(block: object, style: Style) -> Iterator[str]:
    raise TypeError(f"no way to draw a {type(block).__name__}")


@_lines.register
def _(block: Facts, style: Style) -> Iterator[str]:
    rows = [(printable(label), printable(value)) for label, value in block.rows]
    width = max((len(label) for label, _ in rows), default=0)
    for label, value in rows:
        yield f"{label:<{width}}{_GAP}{value}"


@_lines.register
def _(block: Note, style: Style) -> Iterator[str]:
    text = printable(block.text)
    for line in (
        [text] if block.code else wrap(text, _WIDTH - len(_MARGIN), break_long_words=False, break_on_hyphens=False)
    ):
        yield style(line, "strong") if block.strong else line


@_lines.register(Changes)
@_lines.register(Bars)
@_lines.register(Depth)
@_lines.register(Spreads)
@_lines.register(Grid)
@_lines.register(Flame)
def _(block: Picture, style: Style) -> Iterator[str]:
    yield from _lines(block.table, style)


@_lines.register
def _(block: Table, style: Style) -> Iterator[str]:
    rows = [[printable(cell) for cell in row] for row in (block.header, *block.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(block.header))]
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, block.align, strict=True)
        ]
        line = _GAP.join(cells).rstrip()
        if number or any(block.header):
            yield line if number else style(line, "header")
