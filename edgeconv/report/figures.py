"""Figures as JSON takes them."""

from __future__ import annotations

from math import isfinite
from typing import Any

from edgeconv.report.accuracy import OutputFidelity

__all__ = ["Json", "finite", "output_json"]

Json = dict[str, Any]


def output_json(output: OutputFidelity) -> Json:
    """One output of an accuracy report."""
    return {
        "name": output.name,
        "sqnr_db": finite(output.sqnr),
        "identical": output.mse == 0,
        "mse": finite(output.mse),
        "largest_error": finite(output.largest_error),
    }


def finite(value: float | None) -> float | None:
    """`value`, or None for what JSON does not have: infinity and NaN."""
    return value if value is not None and isfinite(value) else None
