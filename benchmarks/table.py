"""Tables of measurements: printed, and written between the markers of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from benchmarks.assets import Asset
from edgeconv.core import Array

__all__ = ["Options", "publish", "sqnr", "table"]

_ROOT = Path(__file__).resolve().parents[1]
_DOCUMENT = _ROOT / "docs" / "benchmarks.md"
_KEPT = _ROOT / "build" / "benchmarks"


class Named(Protocol):
    """What a row is about."""

    @property
    def name(self) -> str:
        """In the first column."""


_S = TypeVar("_S", bound=Named)


class Options:
    """`--write`, `--resume`, and the models to measure (all by default)."""

    def __init__(self, description: str | None, models: Sequence[Asset], resumes: bool = True) -> None:
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("models", nargs="*", metavar="MODEL", help="measure these only")
        parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
        if resumes:
            parser.add_argument(
                "--resume",
                action="store_true",
                help="take what an interrupted run has measured, if the code is the same",
            )
        given = parser.parse_args()
        unknown = set(given.models) - {asset.name for asset in models}
        if unknown or (given.write and given.models):
            parser.error(f"there is no {', '.join(sorted(unknown))}" if unknown else "--write needs all models")
        self.write: bool = given.write
        self._resume: bool = resumes and given.resume
        self.models = [asset for asset in models if not given.models or asset.name in given.models]

    def rows(self, table: str, subjects: Iterable[_S], measure: Callable[[_S], list[str]]) -> list[list[str]]:
        """A row for each subject, printed and kept as it comes, for `--resume`. `table`: its name in the document."""
        kept, code, found = _KEPT / f"{table}.jsonl", _code(), []
        known = _read(kept, code) if self._resume else {}
        for subject in subjects:
            row = known.get(subject.name) or measure(subject)
            found.append(row)
            print(" | ".join(row), flush=True)
            if subject.name not in known:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with kept.open("a", encoding="utf-8") as target:
                    target.write(json.dumps({"code": code, "name": subject.name, "row": row}) + "\n")
        return found


def _code() -> str:
    """sha256 of all that a measurement may depend on in this folder."""
    digest = hashlib.sha256()
    for path in sorted(path for part in ("edgeconv", "benchmarks") for path in (_ROOT / part).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(kept: Path, code: str) -> dict[str, list[str]]:
    """Subject -> its row, measured with the same code."""
    lines = map(json.loads, kept.read_text(encoding="utf-8").splitlines()) if kept.exists() else ()
    return {line["name"]: line["row"] for line in lines if line["code"] == code}


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
