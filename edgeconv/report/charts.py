"""Pictures as SVG. Widths are per cent, heights and letters pixels, so that text stays readable at any width."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as _escape
from itertools import pairwise
from math import ceil, floor, isfinite, log1p

from edgeconv.report.document import Bars, Depth, Flame, Grid, Point, Slice, Spread, percent, span
from edgeconv.report.text import printable

__all__ = ["bars_svg", "depth_svg", "flame_boxes", "grid_svg", "spread_svg"]

_ROW = 42
_TALL, _COLUMNS, _AXIS = 220, 56, 46
"""Height of the SQNR chart and of the columns below it, and what is kept free for the axis on its left."""
_SPREAD_HEIGHT = 90
_FLAME_ROW = 30
_NARROW, _SLIM = 0.04, 0.12
"""Shares of the whole that leave no room for a name on a screen, and on a telephone's."""
_MOST_CLASSES = 24


def bars_svg(bars: Bars) -> str:
    """Bars below one another, the label above each."""
    parts = []
    for number, bar in enumerate(bars.rows):
        top = number * _ROW
        width = 100 * min(max(bar.share, 0.0), 1.0)
        parts.append(
            f'<text class="name" x="0" y="{top + 13}">{_text(_end_of(bar.label, 34))}</text>'
            f'<text x="100%" y="{top + 13}" text-anchor="end">{_text(bar.detail)} '
            f'<tspan class="value">{_text(bar.text)}</tspan></text>'
            f'<rect class="track" x="0" y="{top + 20}" width="100%" height="8" rx="4"/>'
            f'<rect class="{bar.tone or "fill"}" x="0" y="{top + 20}" width="{width:.2f}%" height="8" rx="4">'
            f"<title>{_text(' '.join((bar.label, bar.text, bar.detail)))}</title></rect>"
        )
    return _svg(len(bars.rows) * _ROW - 8, "".join(parts), "bars")


def depth_svg(depth: Depth) -> str:
    """Own error as dots, error so far as a line, harm as columns, from the first layer to the last."""
    values = [v for p in depth.points for v in (p.local, p.cumulative) if isfinite(v)]
    low = 10 * floor(min(values, default=0) / 10)
    high = max(10 * ceil(max(values, default=10) / 10), low + 10)
    parts = [_rule(db, low, high) for db in range(low, high + 1, 10)]
    parts += _line(depth, low, high)
    most = max((point.share for point in depth.points), default=0) or 1
    for number, point in enumerate(depth.points):
        parts.append(_dot(point, _across(number, depth), low, high))
        parts.append(_column(point, number, depth, most))
    parts.append(f'<text class="faint" x="0" y="{_TALL + _COLUMNS + 34}">first layer</text>')
    parts.append(f'<text class="faint" x="100%" y="{_TALL + _COLUMNS + 34}" text-anchor="end">last layer</text>')
    return _svg(_TALL + _COLUMNS + 40, "".join(parts), "SQNR in dB, layer by layer")


def spread_svg(spread: Spread) -> str:
    """A histogram over everything that was seen, and what can be held near it; what cannot be held is marked."""
    low, high = spread.low, spread.high
    near = high - low
    edges = [end for end in spread.held or () if low - near <= end <= high + near]
    low, high = min([low, *edges]), max([high, *edges])
    width = (high - low) or 1.0
    step = (spread.high - spread.low) / max(len(spread.counts), 1)
    most = log1p(max(spread.counts, default=0)) or 1.0
    parts = []
    for number, count in enumerate(spread.counts):
        left = spread.low + number * step
        height = _SPREAD_HEIGHT * log1p(count) / most
        is_out = spread.held is not None and not spread.held[0] <= left + step / 2 <= spread.held[1]
        parts.append(
            f'<rect class="{"bad" if is_out else "soft"}" x="{100 * (left - low) / width:.2f}%" '
            f'y="{_SPREAD_HEIGHT - height:.1f}" width="{100 * step / width:.2f}%" height="{height:.1f}"/>'
        )
    for end in edges:
        at = 100 * (end - low) / width
        parts.append(f'<line class="edge" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="{_SPREAD_HEIGHT}"/>')
    parts.append(f'<line class="rule" x1="0" x2="100%" y1="{_SPREAD_HEIGHT}" y2="{_SPREAD_HEIGHT}"/>')
    words = f"seen {span((spread.low, spread.high))}"
    parts.append(f'<text x="0" y="{_SPREAD_HEIGHT + 18}">{_text(words)}</text>')
    held = f"{spread.dtype} {span(spread.held)}, {percent(spread.outside)} outside" if spread.held else "float"
    parts.append(f'<text x="0" y="{_SPREAD_HEIGHT + 35}">{_text(held)}</text>')
    return _svg(_SPREAD_HEIGHT + 40, "".join(parts), "histogram")


def grid_svg(grid: Grid) -> str:
    """Classes against classes, the darker the more samples; of many classes those that flip most."""
    classes = _shown_classes(grid)
    place = {each: number for number, each in enumerate(classes)}
    size = len(classes) or 1
    cell, margin = 360 / size, 32
    most = max((each.count for each in grid.cells), default=1)
    parts = [
        f'<rect class="track" x="{margin + x * cell + 1:.1f}" y="{margin + y * cell + 1:.1f}" '
        f'width="{cell - 2:.1f}" height="{cell - 2:.1f}" rx="3"/>'
        for x in range(size)
        for y in range(size)
        if x != y
    ]
    for name, number in place.items():
        middle = margin + (number + 0.5) * cell
        parts.append(f'<text x="{middle:.1f}" y="{margin - 8}" text-anchor="middle">{name}</text>')
        parts.append(f'<text x="{margin - 8}" y="{middle + 4:.1f}" text-anchor="end">{name}</text>')
    for each in grid.cells:
        if each.before in place and each.after in place:
            x, y = margin + place[each.after] * cell, margin + place[each.before] * cell
            opacity = 0.25 + 0.75 * each.count / most
            words = f"{grid.names[0]} says {each.before}, {grid.names[1]} says {each.after}: {each.count}"
            parts.append(
                f'<rect class="fill" x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2:.1f}" height="{cell - 2:.1f}" '
                f'rx="3" fill-opacity="{opacity:.2f}"><title>{_text(words)}</title></rect>'
            )
    return (
        f'<svg viewBox="0 0 {360 + margin} {360 + margin}" role="img" aria-label="classes that flip">'
        f"{''.join(parts)}</svg>"
    )


def flame_boxes(flame: Flame) -> str:
    """Slices side by side, their parts below them. HTML, not SVG: only there a name that is too long ends in dots."""
    rows = max(map(_depth, flame.slices), default=1)
    boxes = "".join(_slices(flame.slices, 0.0, 0))
    label = 'role="img" aria-label="where the time goes"'
    return f'<div class="flame" {label} style="height:{rows * _FLAME_ROW}px">{boxes}</div>'


def _shown_classes(grid: Grid) -> list[int]:
    if grid.classes <= _MOST_CLASSES:
        return list(range(grid.classes))
    found: dict[int, None] = {}
    for each in grid.cells:
        if len(found) + 2 <= _MOST_CLASSES:
            found.update(dict.fromkeys((each.before, each.after)))
    return sorted(found)


def _slices(slices: tuple[Slice, ...], start: float, row: int) -> Iterator[str]:
    for number, each in enumerate(slices):
        width, words = 100 * each.share, f"{each.label} {100 * each.share:.1f} % {each.text}"
        tone = ("fill", "soft")[(number + row) % 2]
        room = " narrow" if each.share < _NARROW else " slim" if each.share < _SLIM else ""
        yield (
            f'<span class="{tone}{room}" title="{_text(words)}" style="left:{100 * start:.3f}%;'
            f'top:{row * _FLAME_ROW}px;width:{width:.3f}%">{_text(each.label)}</span>'
        )
        yield from _slices(each.parts, start, row + 1)
        start += each.share


def _depth(each: Slice) -> int:
    return 1 + max(map(_depth, each.parts), default=0)


def _rule(db: int, low: int, high: int) -> str:
    at = _height(db, low, high)
    unit = " dB" if db == high else ""
    return (
        f'<line class="rule" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
        f'<text class="faint" x="-{_AXIS}" y="{at + 4:.1f}">{db}{unit}</text>'
    )


def _line(depth: Depth, low: int, high: int) -> Iterator[str]:
    known = [(_across(n, depth), p.cumulative) for n, p in enumerate(depth.points) if isfinite(p.cumulative)]
    for (x1, before), (x2, after) in pairwise(known):
        y1, y2 = _height(before, low, high), _height(after, low, high)
        yield f'<line class="line" x1="{x1:.2f}%" x2="{x2:.2f}%" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _dot(point: Point, across: float, low: int, high: int) -> str:
    if not isfinite(point.local):
        return ""
    words = f"{point.label}: local {point.local:.1f} dB, harm {100 * point.share:.1f} %"
    at = _height(point.local, low, high)
    return f'<circle class="dot" cx="{across:.2f}%" cy="{at:.1f}" r="4"><title>{_text(words)}</title></circle>'


def _column(point: Point, number: int, depth: Depth, most: float) -> str:
    height = _COLUMNS * point.share / most
    width = min(70 / max(len(depth.points), 1), 3.0)
    left = _across(number, depth) - width / 2
    return (
        f'<rect class="soft" x="{left:.2f}%" y="{_TALL + 16 + _COLUMNS - height:.1f}" width="{width:.2f}%" '
        f'height="{height:.1f}" rx="2"><title>{_text(f"{point.label}: harm {100 * point.share:.1f} %")}</title></rect>'
    )


def _across(number: int, depth: Depth) -> float:
    """Where the layer of that number stands, in per cent."""
    return 100 * (number + 0.5) / max(len(depth.points), 1)


def _height(db: float, low: int, high: int) -> float:
    return _TALL * (high - db) / (high - low)


def _end_of(name: str, most: int) -> str:
    return name if len(name) <= most else "…" + name[1 - most :]


def _text(text: str) -> str:
    return _escape(printable(text), quote=True)


def _svg(height: float, inner: str, label: str) -> str:
    return f'<svg height="{height}" role="img" aria-label="{label}">{inner}</svg>'
