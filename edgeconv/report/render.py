"""Reports as text, Markdown and JSON: pure functions, one per format."""

from __future__ import annotations

import json as _json

from edgeconv.report.accuracy import AccuracyReport
from edgeconv.report.as_json import accuracy_json
from edgeconv.report.content import accuracy_document, verdict
from edgeconv.report.markdown import render_markdown
from edgeconv.report.text import Style, render_text

__all__ = ["json", "markdown", "text"]


def text(report: AccuracyReport, style: Style | None = None) -> str:
    """For a terminal."""
    return render_text(accuracy_document(report), style)


def markdown(report: AccuracyReport) -> str:
    """For a merge request or a wiki, provenance included."""
    return render_markdown(accuracy_document(report, provenance=True), f"{report.candidate.name}: {verdict(report)}")


def json(report: AccuracyReport) -> str:
    """For programs; the schema stands in `as_json`."""
    return _json.dumps(accuracy_json(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
