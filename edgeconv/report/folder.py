"""A report as files: report.json, report.md and report.html in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from edgeconv.errors import EdgeconvError, UsageError
from edgeconv.files import check_folder, check_target, replacing
from edgeconv.report import render
from edgeconv.report.render import Report

__all__ = ["check_report_folder", "write_report"]

_NAMES = ("report.json", "report.md", "report.html")


def check_report_folder(folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise what `write_report` would raise, before long work. Leaves nothing behind."""
    path = Path(folder)
    if path.is_dir():
        for name in _NAMES:
            check_target(path / name, overwrite=overwrite)
        return
    if os.path.lexists(path):
        raise UsageError(f"--report {path} is a file; name a folder")
    check_folder(path)


def write_report(folder: str | os.PathLike[str], report: Report, name: str = "", *, overwrite: bool = False) -> str:
    """Write the report in every format, each file at once or not at all; returns the files' names for people.

    Makes the folder where need be. `name`: what to call the model in titles.
    """
    check_report_folder(folder, overwrite=overwrite)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise EdgeconvError(f"cannot make the folder {os.fspath(folder)}: {error.strerror or error}") from error
    texts = render.json(report), render.markdown(report, name), render.html(report, name)
    for file_name, text in zip(_NAMES, texts, strict=True):
        with replacing(Path(folder, file_name)) as file:
            file.write(text.encode("utf-8"))
    return ", ".join(_NAMES)
