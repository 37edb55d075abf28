"""A report as files: report.json and report.md in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from edgeconv.errors import EdgeconvError, UsageError
from edgeconv.files import check_folder, check_target, replacing

__all__ = ["check_report_folder", "save_report"]

_NAMES = ("report.json", "report.md")


def check_report_folder(folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise what `save_report` would raise, before long work. Leaves nothing behind."""
    path = Path(folder)
    if path.is_dir():
        for name in _NAMES:
            check_target(path / name, overwrite=overwrite)
        return
    if os.path.lexists(path):
        raise UsageError(f"--report {path} is a file; name a folder")
    check_folder(path)


def save_report(folder: str | os.PathLike[str], json: str, markdown: str, *, overwrite: bool = False) -> list[Path]:
    """Write both files, each at once or not at all; makes the folder where need be. Returns their paths."""
    check_report_folder(folder, overwrite=overwrite)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise EdgeconvError(f"cannot make the folder {os.fspath(folder)}: {error.strerror or error}") from error
    paths = [Path(folder, name) for name in _NAMES]
    for path, text in zip(paths, (json, markdown), strict=True):
        with replacing(path) as file:
            file.write(text.encode("utf-8"))
    return paths
