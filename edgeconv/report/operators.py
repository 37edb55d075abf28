"""The operators that convert, as a document, as JSON-ready dictionaries, and as the tables of the documentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeconv.report.document import Document, Section, Table

if TYPE_CHECKING:
    from edgeconv.importer.catalogue import OnnxOperator

__all__ = ["operators_by_form", "operators_document", "operators_json", "operators_markdown"]

FORMS = {
    "kernel": "int8 kernels",
    "table": "int8, by a table of 256 entries",
    "move": "int8, the bytes are moved or selected",
    "own": "int8, with the scales that the model came with",
    "weights": "int8 weights, float arithmetic",
    "float": "float",
    "conversion": "nothing is left to run: removed, or computed at conversion",
}
_KINDS = {"f": "float", "i": "int", "u": "uint", "b": "bool"}
_HEADER = ("ONNX operator", "rules since opset", "dtypes", "after quantization", "becomes")
_NAMED = 3


def operators_document(found: Sequence[OnnxOperator]) -> Document:
    """One table of all, for a terminal: of many operators that one becomes, the first are named."""
    table = Table(_HEADER, tuple(_row(each, _NAMED) for each in found), "lllll")
    return (Section(f"{len(found)} ONNX operators convert", (table,)),)


def operators_json(found: Sequence[OnnxOperator]) -> dict[str, Any]:
    """Schema "edgeconv/operators/1": the fields of OnnxOperator, and `form` in words."""
    return {"schema": "edgeconv/operators/1", "forms": FORMS, "operators": [asdict(each) for each in found]}


def operators_markdown(found: Sequence[OnnxOperator]) -> str:
    """The table of docs/operators.md."""
    lines = [_HEADER, ("---",) * len(_HEADER), *map(_row, found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def operators_by_form(found: Sequence[OnnxOperator]) -> str:
    """The table of README.md: what runs after quantization -> operators, one row each."""
    groups: dict[str, list[str]] = defaultdict(list)
    for each in found:
        groups[each.form].append(each.name)
    rows = [f"| {text} | {', '.join(sorted(groups[form]))} |\n" for form, text in FORMS.items() if groups[form]]
    return "".join(["| how it runs after quantization | ONNX operators |\n", "| --- | --- |\n", *rows])


def _row(each: OnnxOperator, named: int | None = None) -> tuple[str, ...]:
    kinds = dict.fromkeys(_KINDS[np.dtype(dtype).kind] for dtype in each.dtypes)
    since = ", ".join(map(str, each.since))
    becomes = ", ".join(each.becomes[:named]) + ", ..." * (len(each.becomes[:named]) < len(each.becomes))
    return each.name, since, ", ".join(kinds) or "any", FORMS[each.form], becomes
