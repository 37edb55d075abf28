"""What a report says, before it is decided how it looks: sections of facts, tables, notes and pictures.

Every renderer draws the same document, so that text, Markdown and HTML cannot disagree. A picture knows the table that
says the same, for renderers that cannot draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TypeAlias, Union

__all__ = [
    "Bar",
    "Bars",
    "Block",
    "Cell",
    "Change",
    "Changes",
    "Depth",
    "Document",
    "Facts",
    "Flame",
    "Grid",
    "Note",
    "Picture",
    "Point",
    "Section",
    "Slice",
    "Spread",
    "Spreads",
    "Table",
    "held_span",
    "percent",
    "span",
    "spark",
]

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARK_COLUMNS = 16


@dataclass(frozen=True)
class Facts:
    """Pairs of a label and what is to be said."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows under a header; a column is set right where its letter in `align` is "r", else left ("l").

    `is_long`: may be folded away where there is no room.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    is_long: bool = False

    def without_empty_columns(self) -> Table:
        """The same, but for columns with nothing in them."""
        kept = [column for column in range(len(self.header)) if any(row[column] for row in self.rows)]
        header, *rows = (tuple(row[column] for column in kept) for row in (self.header, *self.rows))
        return replace(self, header=header, rows=tuple(rows), align="".join(self.align[column] for column in kept))


@dataclass(frozen=True)
class Note:
    """A sentence; `strong` for what must not be overlooked, `code` for what is to be pasted as it is."""

    text: str
    strong: bool = False
    code: bool = False


@dataclass(frozen=True)
class Change:
    """A figure before and after, in words; `ratio` is after over before, None where that says nothing.

    `tone`: "good", "fair", "bad" or "".
    """

    label: str
    before: str
    after: str
    ratio: float | None = None
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Changes:
    """Figures before and after, side by side; `header` names the two sides."""

    header: tuple[str, str]
    rows: tuple[Change, ...]

    @property
    def table(self) -> Table:
        """The same in words."""
        rows = tuple((each.label, each.before, each.after, each.note) for each in self.rows)
        return Table(("", *self.header, ""), rows, "lrrr")


@dataclass(frozen=True)
class Bar:
    """One bar: its length as a share of the whole width, and its value in words; `detail` is said beside it."""

    label: str
    share: float
    text: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Bars:
    """Bars below one another; `header` names label, value and detail, `caption` what is drawn."""

    header: tuple[str, str, str]
    rows: tuple[Bar, ...]
    caption: str = ""

    @property
    def table(self) -> Table:
        """The same in words."""
        return Table(self.header, tuple((each.label, each.text, each.detail) for each in self.rows), "lrl")


@dataclass(frozen=True)
class Point:
    """One layer: two values in dB (infinite: no loss at all), and a share that is drawn as a column."""

    label: str
    local: float
    cumulative: float
    share: float


@dataclass(frozen=True)
class Depth:
    """SQNR layer by layer, in the order of execution."""

    points: tuple[Point, ...]

    @property
    def table(self) -> Table:
        """The same in words."""
        rows = tuple(
            (str(number), each.label, _db(each.local), _db(each.cumulative), f"{100 * each.share:.1f} %")
            for number, each in enumerate(self.points, start=1)
        )
        return Table(("", "layer", "local", "so far", "harm"), rows, "rlrrr", is_long=True)


@dataclass(frozen=True)
class Spread:
    """How values are spread over bins of equal width from `low` to `high`, beside the range that `dtype` can hold."""

    label: str
    low: float
    high: float
    counts: tuple[int, ...]
    held: tuple[float, float] | None
    dtype: str
    outside: float


@dataclass(frozen=True)
class Spreads:
    """Histograms beside one another."""

    rows: tuple[Spread, ...]

    @property
    def table(self) -> Table:
        """The same in words, and the shape in eight heights."""
        rows = tuple(
            (
                each.label,
                spark(each.counts),
                span((each.low, each.high)),
                held_span(each.held, each.dtype),
                percent(each.outside) * bool(each.held),
            )
            for each in self.rows
        )
        return Table(("layer", "values", "seen", "can hold", "outside"), rows, "llrrr")


@dataclass(frozen=True)
class Cell:
    """Samples that the first model puts into class `before` and the second into `after`."""

    before: int
    after: int
    count: int
    lost: int | None = None
    gained: int | None = None


@dataclass(frozen=True)
class Grid:
    """Which classes flip. `names`: of both models. `classes`: how many there are. `more`: flips that are not shown."""

    names: tuple[str, str]
    classes: int
    cells: tuple[Cell, ...]
    more: int = 0

    @property
    def table(self) -> Table:
        """The same in words."""
        has_labels = any(cell.lost is not None for cell in self.cells)
        rows = tuple(
            (str(cell.before), str(cell.after), str(cell.count), *((str(cell.lost), str(cell.gained)) * has_labels))
            for cell in self.cells
        )
        header = (*(f"{name} says" for name in self.names), "samples", *(("now wrong", "now right") * has_labels))
        return Table(header, rows, "rrrrr"[: len(header)])


@dataclass(frozen=True)
class Slice:
    """A part of the whole as a share of it, and its parts."""

    label: str
    share: float
    text: str
    parts: tuple[Slice, ...] = field(default=())


@dataclass(frozen=True)
class Flame:
    """Where the whole goes, part by part: slices within slices."""

    slices: tuple[Slice, ...]

    @property
    def table(self) -> Table:
        """The same in words, parts indented."""
        return Table(("", "share", ""), tuple(_flat(self.slices, 0)), "lrr", is_long=True)


Picture: TypeAlias = Union[Changes, Bars, Depth, Spreads, Grid, Flame]
Block: TypeAlias = Union[Facts, Table, Note, Changes, Bars, Depth, Spreads, Grid, Flame]


@dataclass(frozen=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


Document: TypeAlias = tuple[Section, ...]


def span(ends: tuple[float, float] | None) -> str:
    """A range for people."""
    return " .. ".join(f"{end:,.0f}" if 1e3 <= abs(end) < 1e7 else f"{end or 0:.3g}" for end in ends or ())


def held_span(ends: tuple[float, float] | None, dtype: str) -> str:
    """The range that a value can be held in, and what holds it where that is not int8."""
    return f"{dtype} " * (ends is not None and dtype != "int8") + span(ends)


def spark(counts: tuple[int, ...]) -> str:
    """A histogram as one word of 16 heights; anything at all is visible."""
    step = max(len(counts) // _SPARK_COLUMNS, 1)
    sums = [sum(counts[start : start + step]) for start in range(0, len(counts), step)]
    most = max(sums, default=0)
    return "".join(_SPARKS[-(-(len(_SPARKS) - 1) * each // most)] if most else _SPARKS[0] for each in sums)


def percent(share: float) -> str:
    """A small share for people."""
    return f"{100 * share:.3f} %"


def _db(value: float) -> str:
    return "exact" if value == inf else f"{value:.1f} dB"


def _flat(slices: tuple[Slice, ...], depth: int) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for each in slices:
        found.append(("  " * depth + each.label, f"{100 * each.share:.1f} %", each.text))
        found.extend(_flat(each.parts, depth + 1))
    return found
