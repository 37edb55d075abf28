"""Where a command's words go: text or JSON on stdout, remarks on stderr."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeconv.report.document import Document

__all__ = ["Output", "style"]


@dataclass(frozen=True)
class Output:
    """What the user asked to see."""

    as_json: bool = False
    quiet: bool = False

    def say(self, line: str = "") -> None:
        """A line for people on stdout; nothing when quiet or when stdout is for machines."""
        if not self.quiet and not self.as_json:
            click.echo(line)

    def warn(self, line: str) -> None:
        """A doubt about what was asked for, on stderr; nothing when quiet."""
        if not self.quiet:
            click.echo(f"warning: {line}", err=True)

    def show(self, document: Document) -> None:
        """A document for people; bold titles, and tables no wider than it, on a terminal."""
        from edgeconv.report.text import render_text

        width = get_terminal_size().columns if sys.stdout.isatty() else None
        self.say(render_text(document, style, width).rstrip("\n"))

    def result(self, value: dict[str, Any]) -> None:
        """The machine's form of the result, with --json."""
        if self.as_json:
            from edgeconv.report.figures import json_text

            click.echo(json_text(value))


def style(text: str, role: str) -> str:
    """Weights and colours for a terminal; `click.echo` removes them elsewhere."""
    if role == "title":
        return click.style(text, bold=True)
    return click.style(text, fg="yellow") if role == "strong" else click.style(text, dim=True)
