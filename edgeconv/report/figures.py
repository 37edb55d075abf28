"""Figures as JSON takes them."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from edgeconv.report.accuracy import OutputFidelity

__all__ = ["Json", "json_text", "output_json"]

Json = dict[str, Any]


def output_json(output: OutputFidelity) -> Json:
    """One output of an accuracy report."""
    return {
        "name": output.name,
        "sqnr_db": output.sqnr,
        "identical": output.mse == 0,
        "mse": output.mse,
        "largest_error": output.largest_error,
    }


def json_text(value: Json) -> str:
    """`value` as JSON, with null for what JSON does not have: infinity and NaN."""
    return json.dumps(_finite(value), indent=2, allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
