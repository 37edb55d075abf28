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
from edgeconv.report.fit import cell_lines, column_widths

__all__ = ["Style", "printable", "render_text"]

Style = Callable[[str, str], str]
"""(text, role) -> text as it shall appear; roles: "title", "strong", "header"."""

_WIDTH = 80
"""Characters of a line of prose at most. Commands take what they need, and so do tables but for a terminal's width."""
_MARGIN = "  "
_GAP = "  "


def render_text(document: Document, style: Style | None = None, width: int | None = None) -> str:
    """The document as lines; names from a model cannot smuggle control characters in.

    `width`: of the terminal, in characters; None: tables are as wide as they are.
    """
    style = style or _plain
    room = None if width is None else max(width - len(_MARGIN), 1)
    parts = []
    for section in document:
        lines = [style(printable(section.title), "title")]
        for number, block in enumerate(section.blocks):
            if number and not isinstance(block, (Facts, Note)):
                lines.append("")
            lines.extend(_MARGIN + line for line in _lines(block, style, room))
        parts.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(parts) + "\n"


def printable(text: str) -> str:
    """`text` on one line without control characters, which could steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _plain(text: str, _: str) -> str:
    return text


@singledispatch
def _lines(block: object, style: Style, room: int | None) -> Iterator[str]:
    raise TypeError(f"no way to draw a {type(block).__name__}")


@_lines.register
def _(block: Facts, style: Style, room: int | None) -> Iterator[str]:
    rows = [(printable(label), printable(value)) for label, value in block.rows]
    width = max((len(label) for label, _ in rows), default=0)
    for label, value in rows:
        lines = [value] if room is None else _wrapped(value, max(room - width - len(_GAP), 1)) or [""]
        for number, line in enumerate(lines):
            yield f"{'' if number else label:<{width}}{_GAP}{line}"


@_lines.register
def _(block: Note, style: Style, room: int | None) -> Iterator[str]:
    text = printable(block.text)
    for line in [text] if block.code else _wrapped(text, min(_WIDTH - len(_MARGIN), room or _WIDTH)):
        yield style(line, "strong") if block.strong else line


@_lines.register(Changes)
@_lines.register(Bars)
@_lines.register(Depth)
@_lines.register(Spreads)
@_lines.register(Grid)
@_lines.register(Flame)
def _(block: Picture, style: Style, room: int | None) -> Iterator[str]:
    yield from _lines(block.table, style, room)


@_lines.register
def _(block: Table, style: Style, room: int | None) -> Iterator[str]:
    rows = [[printable(cell) for cell in row] for row in (block.header, *block.rows)]
    widths = column_widths(rows, block.align, len(_GAP), room)
    for number, row in enumerate(rows):
        for line in cell_lines(row[: len(widths)], widths):
            cells = [
                cell.rjust(width) if side == "r" else cell.ljust(width)
                for cell, width, side in zip(line, widths, block.align, strict=False)
            ]
            text = _GAP.join(cells).rstrip()
            if number or any(block.header):
                yield text if number else style(text, "header")
    if len(widths) < len(block.header):
        left_out = ", ".join(filter(None, rows[0][len(widths) :]))
        yield from _wrapped(f"no room for: {left_out}; a wider terminal shows them", room or _WIDTH)


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)
