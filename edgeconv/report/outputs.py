"""What to say of a model's outputs, to people and to machines: kind, range, best classes of the first samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.report.metrics import has_classes
from edgeconv.report.text import printable

__all__ = ["kind_of", "output_facts", "output_lines"]

_SAMPLES_SHOWN = 5
_TOP = 5


def kind_of(array: Array) -> str:
    """dtype and shape: "float32[3,10]"."""
    return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"


def output_lines(name: str, array: Array) -> Iterator[str]:
    """Lines for people about one output."""
    facts = output_facts(name, array)
    spread = "" if facts["min"] is None else f"   min {facts['min']:.6g}   max {facts['max']:.6g}"
    yield f"{printable(name)}  {kind_of(array)}{spread}"
    for number, top in enumerate(facts["top"]):
        yield f"  sample {number}: " + "   ".join(f"{c['class']}: {c['score']:.5g}" for c in top)
    if facts["top"] and len(array) > _SAMPLES_SHOWN:
        yield f"  and {len(array) - _SAMPLES_SHOWN:,} more; write them all with -o"


def output_facts(name: str, array: Array) -> dict[str, Any]:
    """The same for machines; `top`: for scores per class, the highest of the first samples."""
    is_number = array.size > 0 and array.dtype.kind in "fiub"
    is_finite = is_number and bool(np.isfinite(array).all())
    return {
        "name": name,
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "min": float(array.min()) if is_finite else None,
        "max": float(array.max()) if is_finite else None,
        "top": _top(array) if is_finite else [],
    }


def _top(array: Array) -> list[list[Mapping[str, float]]]:
    if not has_classes(array):
        return []
    rows = array.reshape(len(array), -1)[:_SAMPLES_SHOWN]
    order = (-rows.astype("float64")).argsort(axis=1, kind="stable")[:, :_TOP]
    return [[{"class": int(c), "score": float(row[c])} for c in best] for row, best in zip(rows, order, strict=True)]
