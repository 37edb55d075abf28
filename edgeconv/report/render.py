"""Reports as text, Markdown, HTML and JSON: pure functions, one per format."""

from __future__ import annotations

from typing import TypeAlias, Union

from edgeconv.report.accuracy import AccuracyReport
from edgeconv.report.as_json import accuracy_json, conversion_json
from edgeconv.report.content import accuracy_document
from edgeconv.report.conversion import Conversion
from edgeconv.report.figures import Json, json_text
from edgeconv.report.html import render_html
from edgeconv.report.layer_content import layer_document
from edgeconv.report.layer_json import layer_json
from edgeconv.report.layers import LayerReport
from edgeconv.report.markdown import render_markdown
from edgeconv.report.page import page_of
from edgeconv.report.text import Style, render_text

__all__ = ["Report", "as_dict", "html", "json", "markdown", "text"]


Report: TypeAlias = Union[AccuracyReport, Conversion, LayerReport]


def text(report: AccuracyReport | LayerReport, style: Style | None = None) -> str:
    """For a terminal."""
    document = layer_document(report) if isinstance(report, LayerReport) else accuracy_document(report)
    return render_text(document, style)


def markdown(report: Report, name: str = "") -> str:
    """For a merge request or a wiki: the whole page. `name`: what to call the model in the title."""
    page = page_of(report, name)
    return render_markdown(page.document, f"{page.title}: {page.verdict}")


def html(report: Report, name: str = "") -> str:
    """For people who look rather than read: the whole page, in one file that loads nothing."""
    page = page_of(report, name)
    return render_html(page.document, page.title, page.verdict, page.tone)


def json(report: Report) -> str:
    """For programs; the schemas stand in `as_json` and `layer_content`."""
    return json_text(as_dict(report)) + "\n"


def as_dict(report: Report) -> Json:
    """The report as `json` writes it."""
    if isinstance(report, LayerReport):
        return layer_json(report)
    return conversion_json(report) if isinstance(report, Conversion) else accuracy_json(report)
