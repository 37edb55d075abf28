"""The HTML report: names cannot break out of it, it loads nothing, and it says what Markdown says."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf

import pytest

from edgeconv.report import AccuracyReport, ModelFacts, render
from edgeconv.report.charts import bars_svg, depth_svg, flame_boxes, grid_svg, spread_svg
from edgeconv.report.document import (
    Bar,
    Bars,
    Cell,
    Depth,
    Flame,
    Grid,
    Note,
    Point,
    Section,
    Slice,
    Spread,
    Table,
    span,
    spark,
)
from edgeconv.report.html import render_html
from edgeconv.report.markdown import render_markdown
from edgeconv.report.text import printable, render_text
from tests.report.reports import HOSTILE, full_report, layer_report

_PAGE = "html head meta title style body header main nav section a p h1 h2 h3 div span i wbr"
_BLOCKS = "table thead tbody tr th td dl dt dd pre code figure figcaption details summary"
PLAIN = {*_PAGE.split(), *_BLOCKS.split(), "svg", "rect", "line", "circle", "text", "tspan"}
VOID = {"meta", "wbr"}


class _Reader(HTMLParser):
    """The tags, attributes and texts of a page; fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


PAGES = {
    "accuracy": render.html(full_report()),
    "layers": render.html(layer_report()),
    "conversion": render.html(full_report().conversion or layer_report(), HOSTILE[0]),
    "alone": render.html(AccuracyReport("top1", 10, ModelFacts("m", "int8", 3), None, 0.5)),
}
each_page = pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))


@each_page
def test_no_name_becomes_markup(page: str) -> None:
    found = _Reader(page)
    assert found.tags <= PLAIN
    assert not [name for name, _ in found.attributes if name.startswith("on")]


@each_page
def test_nothing_is_loaded(page: str) -> None:
    found = _Reader(page)
    assert not [value for name, value in found.attributes if name == "src"]
    assert all(value.startswith("#") for name, value in found.attributes if name in ("href", "xlink:href"))
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes
    assert "url(" not in page
    assert "@import" not in page


def test_hostile_names_are_shown_as_they_are() -> None:
    text = _Reader(PAGES["accuracy"]).text
    for name in HOSTILE[:-1]:
        assert printable(name) in text
    assert HOSTILE[-1] in text


@pytest.mark.parametrize("name", ["accuracy", "layers"])
def test_every_link_leads_to_a_section(name: str) -> None:
    attributes = _Reader(PAGES[name]).attributes
    anchors = [value for key, value in attributes if key == "id"]
    assert len(set(anchors)) == len(anchors)
    assert {value[1:] for key, value in attributes if key == "href"} == set(anchors)


@pytest.mark.parametrize("report", [full_report(), layer_report()], ids=["accuracy", "layers"])
def test_html_says_what_markdown_says(report: AccuracyReport) -> None:
    text = _Reader(render.html(report)).text
    figures = set(re.findall(r"\d[\d.,]*\d|\d", re.sub(r"\\|&\w+;", " ", render.markdown(report))))
    assert {figure for figure in figures if figure not in text} == set()


def test_the_verdict_has_a_tone() -> None:
    report = replace(full_report(), warnings=())
    for int8, tone in ((0.799, "good"), (0.792, "fair"), (0.7, "bad")):
        assert f'class="verdict {tone}"' in render.html(replace(report, int8=int8))
    assert 'class="verdict "' in render.html(replace(report, is_random=True))
    assert "random data: not an accuracy claim" in render.html(replace(report, is_random=True))


def _numbers(svg: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf' {attribute}="(-?[\d.]+)%?"', svg)]


def test_bars_are_as_long_as_their_share() -> None:
    svg = bars_svg(Bars(("", "", ""), (Bar("a", 0.25, "1"), Bar("b", 7.0, "2"), Bar("c", -1.0, "3"))))
    assert _numbers(svg, "width")[1::2] == [25.0, 100.0, 0.0]


def test_what_cannot_be_held_is_marked() -> None:
    svg = spread_svg(Spread("x", 0.0, 8.0, (1,) * 8, (1.0, 6.0), "int8", 0.1))
    assert re.findall(r'rect class="(\w+)"', svg) == ["bad", *["soft"] * 5, "bad", "bad"]
    assert _numbers(svg, "x1")[:2] == [12.5, 75.0]
    assert "outside" not in spread_svg(Spread("x", 0.0, 8.0, (1,) * 8, None, "float32", 0.0))


def test_what_could_be_held_far_away_does_not_dwarf_what_was_seen() -> None:
    svg = spread_svg(Spread("x", -4.0, 4.0, (1,) * 8, (-717.0, 717.0), "int16", 0.0))
    assert "int16 -717 .. 717" in svg
    assert 'class="edge"' not in svg
    assert _numbers(svg, "width") == [12.5] * 8


def test_zero_has_no_sign_and_thousands_no_exponent() -> None:
    assert span((-0.0, 1020.4)) == "0 .. 1,020"
    assert span((-1.5e9, 0.25)) == "-1.5e+09 .. 0.25"


def test_a_name_without_room_is_not_begun() -> None:
    html = flame_boxes(Flame((Slice("a", 0.9, ""), Slice("b", 0.07, ""), Slice("c", 0.03, ""))))
    assert re.findall(r'class="(?:fill|soft)(?: (\w+))?"', html) == ["", "slim", "narrow"]


def test_depth_draws_every_layer_that_loses_something() -> None:
    svg = depth_svg(Depth((Point("a", 40.0, 40.0, 0.5), Point("b", inf, inf, 0.0), Point("c", 31.0, 30.5, 0.5))))
    assert svg.count("<circle") == 2
    assert svg.count('class="line"') == 1
    assert all(0 <= at <= 220 for at in _numbers(svg, "cy"))


def test_pictures_of_nothing() -> None:
    assert depth_svg(Depth(()))
    assert depth_svg(Depth((Point("a", inf, inf, 0.0),)))
    assert bars_svg(Bars(("", "", ""), ()))
    assert grid_svg(Grid(("a", "b"), 0, ()))
    assert flame_boxes(Flame(()))
    assert spread_svg(Spread("x", 0.0, 0.0, (), None, "int8", 0.0))
    assert depth_svg(Depth((Point("a", -inf, 3.0, 0.0),)))


def test_of_many_classes_those_that_flip_are_drawn() -> None:
    svg = grid_svg(Grid(("a", "b"), 1000, tuple(Cell(n, n + 500, 9 - n) for n in range(9))))
    names = [int(name) for name in re.findall(r">(\d+)</text>", svg)]
    assert sorted(set(names)) == [*range(9), *range(500, 509)]


FLAME = Flame(
    (Slice("Conv", 0.75, "3 ms", (Slice("<a>", 0.5, "2 ms"), Slice("b", 0.25, "1 ms"))), Slice("Add", 0.25, ""))
)


def test_a_flame_is_as_wide_as_its_parts() -> None:
    boxes = flame_boxes(FLAME)
    places = re.findall(r'left:([\d.]+)%;top:(\d+)px;width:([\d.]+)%"', boxes)
    assert places == [
        ("0.000", "0", "75.000"),
        ("0.000", "30", "50.000"),
        ("50.000", "30", "25.000"),
        ("75.000", "0", "25.000"),
    ]
    assert "<a>" not in boxes


def test_names_break_where_a_reader_expects_it() -> None:
    rows = (("/block.1/first-part/Conv", "close fit -0.3 dB or so"),)
    page = render_html((Section("on models/long_name.npz", (Table(("a", "b"), rows, "ll"),)),), "t", "v")
    assert "/<wbr>block.<wbr>1/<wbr>first-<wbr>part/<wbr>Conv" in page
    assert "close fit -0.3 dB or so" in page
    assert "<h2>on models/<wbr>long_<wbr>name.<wbr>npz</h2>" in page


def test_a_table_stands_for_every_picture() -> None:
    document = (Section("Time", (FLAME,)),)
    assert "Conv   75.0 %  3 ms\n    <a>  50.0 %  2 ms" in render_text(document)
    assert "| Conv | 75.0 % | 3 ms |" in render_markdown(document, "t")
    assert spark((0, 0, 1, 100) * 4) == "▁▁▂█" * 4


def test_a_long_table_is_folded_and_complete() -> None:
    table = Table(("n",), tuple((f"row {n}",) for n in range(30)), "l", is_long=True)
    page = render_html((Section("s", (table, Note("x"))),), "t", "v")
    assert page.count("row 29<") == 1
    assert page.count("row 3<") == 2
    assert "<details>" in page
