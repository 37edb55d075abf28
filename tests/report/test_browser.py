"""The HTML report in a real Chromium: nothing overflows, nothing is loaded, light and dark."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeconv.report import render
from tests.report.browser import BROWSER, SCHEMES, SIZES, Page, opened
from tests.report.reports import full_report, layer_report

Image = pytest.importorskip("PIL.Image", reason="screenshots are read with Pillow")
if BROWSER is None:
    pytest.skip("there is no Chromium here; Debian's package is called chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of one browser for all tests."""
    with opened() as found:
        yield found


@pytest.fixture(scope="module", params=["accuracy", "layers"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report full of hostile names, as a file."""
    path = tmp_path_factory.mktemp("html") / "report.html"
    found = full_report() if request.param == "accuracy" else layer_report()
    path.write_text(render.html(found), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", SIZES)
def test_it_fits_and_loads_nothing(page: Page, report: Path, width: int, scheme: str) -> None:
    page.requests.clear()
    page.complaints.clear()
    page.show(report, width, scheme)
    assert page.ask("document.documentElement.scrollWidth") == width
    assert page.ask(_OUTSIDE) == []
    assert page.ask("document.querySelectorAll('script, img, iframe').length") == 0
    assert page.requests == [report.resolve().as_uri()]
    assert page.complaints == []


_OUTSIDE = """
[...document.querySelectorAll('main *, header *')]
  .filter(each => !each.closest('.scroll') && !each.closest('svg') && each.getBoundingClientRect().width > 0)
  .filter(each => each.getBoundingClientRect().right > innerWidth - 8 || each.getBoundingClientRect().left < 8)
  .map(each => each.outerHTML.slice(0, 80))
"""
"""Elements that stick out, but for tables, which scroll, and what pictures clip."""


@pytest.mark.parametrize(("scheme", "lightest"), [("light", True), ("dark", False)])
def test_paper_is_light_or_dark(page: Page, report: Path, scheme: str, lightest: bool) -> None:
    page.show(report, SIZES[0], scheme)
    pixels = np.asarray(Image.open(io.BytesIO(page.picture())).convert("L"))
    assert (pixels[:, :4].mean() > 200) == lightest
    assert pixels.std() > 5


def test_text_can_be_read_on_its_paper(page: Page, report: Path) -> None:
    for scheme in SCHEMES:
        page.show(report, SIZES[0], scheme)
        for selector in _TEXTS:
            assert page.ask(f"{_CONTRAST}('{selector}')") >= 4.5, (scheme, selector)


def test_the_flame_can_be_read(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render.html(full_report()), encoding="utf-8")
    for scheme in SCHEMES:
        page.show(path, SIZES[1], scheme)
        for selector in (".flame .fill", ".flame .soft"):
            assert page.ask(f"{_CONTRAST}('{selector}')") >= 4.5, (scheme, selector)
    assert page.ask("document.querySelectorAll('.flame span').length") > 5
    assert page.ask("getComputedStyle(document.querySelector('.flame span')).textOverflow") == "ellipsis"


_TEXTS = ("h1", ".brand", ".verdict", "td", ".who", "figcaption", ".note.strong", "nav a", "pre", "svg .faint")
_CONTRAST = """
(selector => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => channels(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const one = document.querySelector(selector);
  let paper = one;
  while (channels(getComputedStyle(paper).backgroundColor)[3] === 0) paper = paper.parentElement;
  const ink = getComputedStyle(one)[one.closest('svg') ? 'fill' : 'color'];
  const [a, b] = [ink, getComputedStyle(paper).backgroundColor].map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
})
"""
"""Contrast as WCAG 2.2 defines it (section 1.4.3: at least 4.5 for text)."""
