"""Opens what `edgeconv convert` or `edgeconv deploy` wrote. A deployed file needs no edgeconv on the device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter

__all__ = ["open_model"]


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
