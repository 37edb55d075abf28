"""A document as one HTML page: styles and pictures inside, no script, nothing from any network.

Whatever comes from a model or a path is escaped; a content security policy lets the page load nothing even so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import singledispatch
from html import escape as _escape

from edgeconv.report.charts import bars_svg, depth_svg, flame_boxes, grid_svg, spread_svg
from edgeconv.report.document import (
    Bars,
    Change,
    Changes,
    Depth,
    Document,
    Facts,
    Flame,
    Grid,
    Note,
    Section,
    Spreads,
    Table,
)
from edgeconv.report.html_style import STYLE
from edgeconv.report.text import printable

__all__ = ["escape", "render_html"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_ROWS_OPEN = 10
"""Of a long table so many rows are shown, the whole table is folded away."""
_LONG_NAME, _LONG_CELL, _LONG_WORD, _WIDE = 16, 24, 32, 8


def render_html(document: Document, title: str, verdict: str, tone: str = "") -> str:
    """The page. `tone` of the verdict: "good", "fair", "bad" or ""."""
    sentence = verdict[:1].upper() + verdict[1:]
    links = "".join(f'<a href="#{_anchor(s.title)}">{escape(_short(s.title))}</a>' for s in document)
    return (
        "<!doctype html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}: {escape(verdict)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><p class="brand">edgeconv</p><h1>{_breakable(title)}</h1>'
        f'<p class="verdict {tone}"><span class="mark" aria-hidden="true"></span>{escape(sentence)}</p>'
        f"<nav>{links}</nav></header>\n<main>\n" + "\n".join(map(_section, document)) + "\n</main>\n</body>\n</html>\n"
    )


def escape(text: str) -> str:
    """`text` as HTML shows it as it is, on one line, also within quotes."""
    return _escape(printable(text), quote=True)


def _word(text: str) -> str:
    """A word of a command: short ones are not broken."""
    return f"<span>{escape(text)}</span>" if len(text) <= _LONG_WORD else escape(text)


def _breakable(text: str) -> str:
    """Escaped, with places where a long name may be broken."""
    parts = re.split(r"(?<=[/_])|(?<=\D\.)|(?<=\w-)(?=\w)", text) if len(text) > _LONG_NAME else [text]
    return "<wbr>".join(map(escape, parts))


def _section(section: Section) -> str:
    body = "\n".join(map(_draw, section.blocks))
    return f'<section id="{_anchor(section.title)}">\n<h2>{_breakable(section.title)}</h2>\n{body}\n</section>'


def _short(title: str) -> str:
    """A section's title in the list of sections: up to the first comma or figure."""
    return re.split(r"[,:(]| on \d", title)[0].strip()


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", _short(title).lower()).strip("-") or "section"


@singledispatch
def _draw(block: object) -> str:
    raise TypeError(f"no way to draw a {type(block).__name__}")


@_draw.register
def _(block: Facts) -> str:
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{_breakable(value)}</dd></div>" for label, value in block.rows)
    return f"<dl>{rows}</dl>"


@_draw.register
def _(block: Note) -> str:
    if block.code:
        return f"<pre><code>{' '.join(map(_word, block.text.split(' ')))}</code></pre>"
    return f'<p class="note{" strong" if block.strong else ""}">{escape(block.text)}</p>'


@_draw.register
def _(block: Table) -> str:
    if not block.is_long or len(block.rows) <= _ROWS_OPEN:
        return _table(block)
    first = replace(block, rows=block.rows[:_ROWS_OPEN])
    return f"{_table(first)}<details><summary>all {len(block.rows)} rows</summary>{_table(block)}</details>"


@_draw.register
def _(block: Changes) -> str:
    return f'<div class="changes">{"".join(_change(each, block.header) for each in block.rows)}</div>'


@_draw.register
def _(block: Bars) -> str:
    caption = escape(block.caption)
    return f"<figure>{bars_svg(block)}<figcaption>{caption}</figcaption></figure>"


@_draw.register
def _(block: Depth) -> str:
    legend = (
        '<span><i class="key local"></i>this layer alone, on the reference\'s inputs</span> '
        '<span><i class="key sofar"></i>as it runs</span> <span><i class="key share"></i>its share of the harm</span>'
    )
    return (
        f'<figure><div class="axis">{depth_svg(block)}</div><figcaption class="legend">{legend}</figcaption></figure>'
        + _figures(block)
    )


@_draw.register
def _(block: Spreads) -> str:
    cards = "".join(
        f'<figure class="card"><figcaption>{_breakable(each.label)}</figcaption>{spread_svg(each)}</figure>'
        for each in block.rows
    )
    legend = '<span><i class="key inside"></i>can be held</span> <span><i class="key outside"></i>is cut off</span>'
    return f'<div class="cards">{cards}</div><p class="legend">{legend} columns on a logarithmic scale</p>'


@_draw.register
def _(block: Grid) -> str:
    before, after = map(escape, block.names)
    picture = (
        f'<figure class="grid">{grid_svg(block)}<figcaption>rows: what {before} says; columns: what {after} says; '
        "only samples on which they differ</figcaption></figure>"
    )
    return f'<div class="beside">{picture}<div>{_table(block.table)}</div></div>'


@_draw.register
def _(block: Flame) -> str:
    return f"<figure>{flame_boxes(block)}</figure>{_figures(block)}"


def _figures(block: Depth | Flame) -> str:
    return f"<details><summary>the figures</summary>{_table(block.table)}</details>"


def _table(table: Table) -> str:
    head = ""
    if any(table.header):
        sides = {"r": ' class="r"', "l": ""}
        pairs = zip(table.header, table.align, strict=True)
        cells = (f"<th{sides[side]}>{escape(cell)}</th>" for cell, side in pairs)
        head = f"<thead><tr>{''.join(cells)}</tr></thead>"
    body = "".join(_rows(table.rows, table.align))
    kind = ' class="wide"' if len(table.align) > _WIDE else ""
    return f'<div class="scroll"><table{kind}>{head}<tbody>{body}</tbody></table></div>'


def _rows(rows: Iterable[tuple[str, ...]], align: str) -> Iterator[str]:
    for row in rows:
        yield f"<tr>{''.join(map(_cell, row, align))}</tr>"


def _cell(text: str, side: str) -> str:
    if side == "r":
        return f'<td class="r">{escape(text)}</td>'
    bare = text.lstrip(" ")
    kind = ' class="long"' if len(bare) > _LONG_CELL else ""
    return f"<td{kind}>{'&emsp;' * ((len(text) - len(bare)) // 2)}{_breakable(bare)}</td>"


def _change(change: Change, header: tuple[str, str]) -> str:
    parts = [f"<h3>{escape(change.label)}</h3>", f'<p class="after">{_unbroken(change.after)}</p>']
    if change.before:
        parts.append(f'<p class="before">{_unbroken(change.before)} <span class="who">{escape(header[0])}</span></p>')
    if change.ratio is not None:
        share = min(max(change.ratio, 0.0), 1.0)
        parts.append(f'<span class="bar"><span style="width:{100 * share:.1f}%"></span></span>')
    if change.note:
        parts.append(f'<p class="what">{escape(change.note)}</p>')
    return f'<div class="change {change.tone}">{"".join(parts)}</div>'


def _unbroken(text: str) -> str:
    """A figure and its unit on one line."""
    return escape(text).replace(" ", "&nbsp;")
