"""Tables of measurements: printed, and written between the markers of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.assets import Asset

__all__ = ["Options", "publish", "sqnr", "table"]

import numpy as np

from edgeconv.core import Array

_DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


class Options:
    """`--write`, and the models to measure (all by default)."""

    def __init__(self, description: str | None, models: Sequence[Asset]) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("models", nargs="*", metavar="MODEL", help="measure these only")
        parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
        given = parser.parse_args()
        unknown = set(given.models) - {asset.name for asset in models}
        if unknown or (given.write and given.models):
            parser.error(f"there is no {', '.join(sorted(unknown))}" if unknown else "--write needs all models")
        self.write: bool = given.write
        self.models = [asset for asset in models if not given.models or asset.name in given.models]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown, the first column to the left, all others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def publish(name: str, text: str, write: bool, packages: Sequence[str] = ()) -> None:
    """Print a table with what it was measured with (and `packages`); put it into docs/benchmarks.md if `write`."""
    wanted = [each for each in ("numpy", "onnx", "onnxruntime", *packages) if _is_installed(each)]
    used = ", ".join(f"{package} {version(package)}" for package in wanted)
    text = f"{text}\nPython {platform.python_version()}, {used}, {platform.machine()}.\n"
    print(text)
    if write:
        part = re.compile(rf"(<!-- begin {name}: [^>]*-->\n).*?(<!-- end {name} -->)", re.DOTALL)
        old = _DOCUMENT.read_text(encoding="utf-8")
        _DOCUMENT.write_text(part.sub(lambda found: found[1] + text + found[2], old), encoding="utf-8", newline="\n")


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def sqnr(reference: Array, found: Array) -> float:
    """Signal to quantization noise ratio in dB."""
    wanted = reference.astype(np.float64)
    noise = float(np.sum(np.square(wanted - found.reshape(wanted.shape))))
    return 10 * float(np.log10(np.sum(np.square(wanted)) / max(noise, 1e-300)))
