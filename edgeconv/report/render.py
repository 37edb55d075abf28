"""Reports as text, Markdown and JSON: pure functions, one per format."""

from __future__ import annotations

import json as _json

from edgeconv.report.accuracy import AccuracyReport
from edgeconv.report.as_json import accuracy_json, conversion_json
from edgeconv.report.content import accuracy_document, conversion_document, verdict
from edgeconv.report.conversion import Conversion
from edgeconv.report.markdown import render_markdown
from edgeconv.report.text import Style, render_text

__all__ = ["json", "markdown", "text"]


def text(report: AccuracyReport, style: Style | None = None) -> str:
    """For a terminal."""
    return render_text(accuracy_document(report), style)


def markdown(report: AccuracyReport | Conversion, name: str = "") -> str:
    """For a merge request or a wiki, provenance included. `name`: what to call the model in the title."""
    if isinstance(report, Conversion):
        return render_markdown(conversion_document(report), name or "Conversion")
    title = f"{name or report.candidate.name}: {verdict(report)}"
    return render_markdown(accuracy_document(report, provenance=True), title)


def json(report: AccuracyReport | Conversion) -> str:
    """For programs; the schema stands in `as_json`."""
    found = conversion_json(report) if isinstance(report, Conversion) else accuracy_json(report)
    return _json.dumps(found, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
