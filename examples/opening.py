"""Opens what `edgeconv convert` or `edgeconv deploy` wrote. A deployed file needs no edgeconv on the device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter

__all__ = ["open_model", "read_labels"]


def open_model(path: str) -> Interpreter:
    """An interpreter for a `.edge` file, a deployed `.pyz`, or a deployed folder."""
    if not Path(path).exists():
        sys.exit(f"{path}: there is no such model")
    if path.endswith(".edge"):
        from edgeconv.runtime import Interpreter

        return Interpreter(path)
    sys.path.insert(0, str(Path(path).resolve()))
    from edgeconv.deployed import open_model as open_carried

    return open_carried()


def read_labels(path: str) -> list[str]:
    """The names of the classes: the lines of a text file that are not blank."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read as a text file: {error}")
    return [line.strip() for line in lines if line.strip()]
