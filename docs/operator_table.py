"""The tables of supported operators, read off the operator table and the ONNX import rules."""

from __future__ import annotations

import inspect
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from edgeconv.ops import MODULES, load_all
from edgeconv.ops.base import Operator, QuantRule
from edgeconv.ops.onnx_rules import REFUSED, RULES

__all__ = ["full_table", "short_table"]

_OLDEST_OPSET = 7
_FORMS = {
    "kernel": "int8 kernels",
    "table": "int8, by a table of 256 entries",
    "move": "int8, the bytes are moved or selected",
    "weights": "int8 weights, float arithmetic",
    "float": "float",
    "conversion": "nothing is left to run: removed, or computed at conversion",
}


def short_table() -> str:
    """int8 form -> ONNX operators, one row each."""
    groups: dict[str, list[str]] = defaultdict(list)
    for (domain, name), operators in _reached().items():
        groups[_form_of(name, operators)].append(_onnx_name(domain, name))
    rows = [f"| {text} | {', '.join(sorted(groups[form]))} |" for form, text in _FORMS.items() if groups[form]]
    return "\n".join(["| how it runs after quantization | ONNX operators |", "| --- | --- |", *rows])


def full_table() -> str:
    """ONNX operator -> opsets with a rule of their own, edgeconv operators, int8 form."""
    rows = []
    for (domain, name), operators in sorted(_reached().items()):
        since = ", ".join(dict.fromkeys(str(max(opset, _OLDEST_OPSET)) for opset, _ in RULES[domain, name]))
        becomes = ", ".join(op.__name__ for op in operators)
        rows.append(f"| {_onnx_name(domain, name)} | {since} | {becomes} | {_FORMS[_form_of(name, operators)]} |")
    head = ["| ONNX operator | rules since opset | becomes | after quantization |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def _onnx_name(domain: str, name: str) -> str:
    return f"{domain}.{name}" if domain else name


def _form_of(name: str, operators: list[type[Operator]]) -> str:
    """The int8 form of an ONNX operator: that of the operator it is there for, else of the weakest that it needs."""
    if not operators:
        return "conversion"
    if name.startswith(operators[0].__name__) or _has_weight(operators[0]):
        return _form(operators[0])
    return max((_form(op) for op in operators), key=["move", "table", "weights", "kernel", "float"].index)


def _has_weight(op: type[Operator]) -> bool:
    return op.quant is not None and op.quant.weight is not None


def _form(op: type[Operator]) -> str:
    rule: QuantRule | None = op.quant
    if rule is None:
        return "float"
    if rule.weight_only and not rule.activations:
        return "weights"
    if rule.table:
        return "table"
    return "move" if rule.shared else "kernel"


def _reached() -> dict[tuple[str, str], list[type[Operator]]]:
    """(domain, ONNX operator) -> what its rules can make, the operator that it is there for first."""
    load_all()
    found = {}
    for (domain, name), rules in RULES.items():
        if (domain, name) in REFUSED:
            continue
        operators = list(dict.fromkeys(op for _, rule in reversed(rules) for op in _made_by(rule, set())))
        found[domain, name] = sorted(operators, key=lambda op: (not name.startswith(op.__name__), not _has_weight(op)))
    return found


def _made_by(function: Callable[..., Any], seen: set[object]) -> Iterator[type[Operator]]:
    """Operator classes that a function of `edgeconv.ops` names, itself or through the functions that it calls."""
    function = inspect.unwrap(function)
    if function in seen or not isinstance(function, types.FunctionType):
        return
    seen.add(function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for item in [*cells, *(function.__globals__.get(name) for name in _names(function.__code__))]:
        if isinstance(item, type) and issubclass(item, Operator) and item.__name__ in MODULES:
            yield item
        elif isinstance(item, types.FunctionType) and item.__module__.startswith("edgeconv.ops."):
            yield from _made_by(item, seen)


def _names(code: types.CodeType) -> Iterator[str]:
    """Global names that code mentions, in order, nested functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
