"""Tables on a narrow terminal: text is broken into several lines, and columns that find no room are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

__all__ = ["cell_lines", "column_widths"]

_BREAKS = re.compile(r"(?<=[./])(?=[A-Za-z])|(?<= )(?=[^ ])")
"""Behind spaces, and where the parts of a path begin."""


def column_widths(rows: Sequence[Sequence[str]], align: str, gap: int, room: int | None) -> list[int]:
    """Widths of the columns that find room, the first ones; left-aligned columns give way as far as their words allow.

    `gap`: characters between columns; `room`: characters for all, None for any number.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if room is None:
        return widths
    least = [
        max(len(part.rstrip()) for cell in column for part in _BREAKS.split(cell)) if side == "l" else width
        for column, side, width in zip(columns, align, widths, strict=True)
    ]
    while len(least) > 1 and sum(least) + gap * (len(least) - 1) > room:
        least.pop()
    del widths[len(least) :]
    while sum(widths) + gap * (len(widths) - 1) > room and widths != least:
        open_to = [at for at, width in enumerate(widths) if width > least[at]]
        widths[max(open_to, key=widths.__getitem__)] -= 1
    return widths


def cell_lines(row: Sequence[str], widths: Sequence[int]) -> list[tuple[str, ...]]:
    """The lines of one row, as many as its longest cell takes."""
    return list(zip_longest(*map(_wrapped, row, widths), fillvalue=""))


def _wrapped(cell: str, width: int) -> list[str]:
    lines = [""]
    for part in _BREAKS.split(cell):
        if len(lines[-1] + part.rstrip()) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return [line.rstrip() for line in lines]
