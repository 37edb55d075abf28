"""The ledger: one line per case, `name: pass`, `name: pass (bound: inputs)`, or `name: the reason why not`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["ONNX_VERSION", "read_ledger", "write_ledger"]

_FILE = Path(__file__).with_name("ledger.txt")
ONNX_VERSION = "1.23.2"
"""The version of onnx whose cases the ledger lists."""


def read_ledger() -> dict[str, str]:
    """Case -> what becomes of it."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def write_ledger(outcomes: Mapping[str, str]) -> None:
    """Write the ledger anew, in name order."""
    text = "".join(f"{name}: {outcome}\n" for name, outcome in sorted(outcomes.items()))
    _FILE.write_text(text, encoding="utf-8", newline="\n")
