"""Test cases as data: `tests/cases/<module>.py` has a list `CASES` for the operators of `edgeconv/ops/<module>.py`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from tests.harness import Case

__all__ = ["all_cases"]


def all_cases() -> Iterator[Case]:
    """Every case of every file, in name order."""
    for module in sorted(info.name for info in iter_modules(__path__)):
        yield from import_module(f"tests.cases.{module}").CASES
