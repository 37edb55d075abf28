"""Reports as text, Markdown and JSON: pure functions, one per format."""

from __future__ import annotations

import json as _json
from typing import TypeAlias, Union

from edgeconv.report.accuracy import AccuracyReport
from edgeconv.report.as_json import Json, accuracy_json, conversion_json
from edgeconv.report.content import accuracy_document, conversion_document, verdict
from edgeconv.report.conversion import Conversion
from edgeconv.report.layer_content import layer_document, layer_json, layer_verdict
from edgeconv.report.layers import LayerReport
from edgeconv.report.markdown import render_markdown
from edgeconv.report.text import Style, render_text

__all__ = ["Report", "as_dict", "json", "markdown", "text"]


Report: TypeAlias = Union[AccuracyReport, Conversion, LayerReport]


def text(report: AccuracyReport | LayerReport, style: Style | None = None) -> str:
    """For a terminal."""
    document = layer_document(report) if isinstance(report, LayerReport) else accuracy_document(report)
    return render_text(document, style)


def markdown(report: Report, name: str = "") -> str:
    """For a merge request or a wiki, provenance included. `name`: what to call the model in the title."""
    if isinstance(report, LayerReport):
        title = f"{name or report.candidate.name}: {layer_verdict(report)}"
        return render_markdown(layer_document(report, rows=None, provenance=True), title)
    if isinstance(report, Conversion):
        return render_markdown(conversion_document(report), name or "Conversion")
    title = f"{name or report.candidate.name}: {verdict(report)}"
    return render_markdown(accuracy_document(report, provenance=True), title)


def json(report: Report) -> str:
    """For programs; the schemas stand in `as_json` and `layer_content`."""
    return _json.dumps(as_dict(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def as_dict(report: Report) -> Json:
    """The report as `json` writes it."""
    if isinstance(report, LayerReport):
        return layer_json(report)
    return conversion_json(report) if isinstance(report, Conversion) else accuracy_json(report)
