"""What edgeconv converts, read off its own tables: the ONNX operators with a rule, and what becomes of each."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from edgeconv.core import DTYPES
from edgeconv.ops import MODULES, load_all
from edgeconv.ops.base import Operator, QuantRule
from edgeconv.ops.onnx_rules import REFUSED, RULES

__all__ = ["OLDEST_OPSET", "OnnxOperator", "supported_operators"]

OLDEST_OPSET = 7
_HELPERS = ("Cast", "DequantizeLinear", "Dims", "QuantizeLinear", "Reshape", "Transpose")
"""What rules put around the operator that they are about; it decides nothing."""
_PRODUCTS = "edgeconv.ops.integer_products"


@dataclass(frozen=True)
class OnnxOperator:
    """One ONNX operator that converts.

    since: opsets at which the import rule changes; a rule holds until the next one. becomes: the edgeconv operators
    that a rule may use, the one that it is there for first. dtypes: of its first input (half precision reads as
    float32). form: what runs after quantization, "kernel", "table", "move" (all int8), "own" (int8 with the scales
    that the model came with), "weights" (int8 weights, float arithmetic), "float", or "conversion" (nothing is left).
    """

    name: str
    since: tuple[int, ...]
    dtypes: tuple[str, ...]
    becomes: tuple[str, ...]
    form: str


def supported_operators() -> tuple[OnnxOperator, ...]:
    """All of them, in the order of their names; those of other domains than ONNX's behind, as domain.name."""
    load_all()
    found = []
    for domain, name in sorted(set(RULES) - set(REFUSED)):
        since = dict.fromkeys(max(opset, OLDEST_OPSET) for opset, _ in RULES[domain, name])
        operators = _reached(domain, name)
        becomes = tuple(op.__name__ for op in operators)
        shown = f"{domain}.{name}" if domain else name
        form = _form_of(domain, name, operators)
        dtypes = _dtypes(domain, name, operators, takes_integers="DequantizeLinear" in becomes or form == "weights")
        found.append(OnnxOperator(shown, tuple(since), dtypes, becomes, form))
    return tuple(found)


def _dtypes(domain: str, name: str, operators: list[type[Operator]], takes_integers: bool) -> tuple[str, ...]:
    """What ONNX allows for the first input, as far as the device has it and the operator computes with it."""
    try:
        schema = onnx.defs.get_schema(name, domain=domain)
    except onnx.defs.SchemaError:
        return ("int8", "uint8") if "DequantizeLinear" in {op.__name__ for op in operators} else ("float32",)
    known = [_dtype_name(text) for text in (schema.inputs[0].types if schema.inputs else schema.outputs[0].types)]
    main = operators[0] if operators else None
    only_float = main is not None and _has_weight(main) and not takes_integers
    kinds = "f" if only_float else getattr(main, "kinds", "fiub")
    return tuple(dtype for dtype in DTYPES if dtype in known and np.dtype(dtype).kind in kinds)


def _dtype_name(text: str) -> str:
    """NumPy's name for "tensor(float)" and the like."""
    name = text.removeprefix("seq(").removeprefix("optional(").removeprefix("tensor(").rstrip(")")
    return {"float": "float32", "double": "float64"}.get(name, name)


def _form_of(domain: str, name: str, operators: list[type[Operator]]) -> str:
    """The int8 form of an ONNX operator: that of the operator it is there for, else of the weakest that it needs."""
    names = {op.__name__ for op in operators}
    if not operators:
        return "conversion"
    if any(rule.__module__ == _PRODUCTS for _, rule in RULES[domain, name]):
        return "weights" if any(map(_has_weight, operators)) else "float"
    if {"QuantizeLinear", "DequantizeLinear"} & names:
        return "own"
    if name.startswith(operators[0].__name__) or _has_weight(operators[0]):
        return _form(operators[0])
    main = [op for op in operators if op.__name__ not in _HELPERS] or operators
    return max((_form(op) for op in main), key=["move", "table", "weights", "kernel", "float"].index)


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


def _reached(domain: str, name: str) -> list[type[Operator]]:
    """What the rules of an ONNX operator can make, the operator that it is there for first."""
    rules = RULES[domain, name]
    operators = list(dict.fromkeys(op for _, rule in reversed(rules) for op in _made_by(rule, set())))
    return sorted(operators, key=lambda op: (not name.startswith(op.__name__), not _has_weight(op)))


def _made_by(function: Callable[..., Any], seen: set[object]) -> Iterator[type[Operator]]:
    """Operator classes that a function of `edgeconv.ops` names, itself or through the functions that it calls."""
    function = inspect.unwrap(function)
    if function in seen or not isinstance(function, types.FunctionType):
        return
    seen.add(function)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    for item in [*cells, *(_named(name, function) for name in _names(function.__code__))]:
        if isinstance(item, type) and issubclass(item, Operator) and item.__name__ in MODULES:
            yield item
        elif isinstance(item, types.FunctionType) and item.__module__.startswith("edgeconv.ops."):
            yield from _made_by(item, seen)


def _named(name: str, function: types.FunctionType) -> object:
    """What a name means in a function: a global, or an operator that it imports itself."""
    module = f"edgeconv.ops.{MODULES[name]}" if name in MODULES else ""
    is_local = name not in function.__globals__ and module in _names(function.__code__)
    return getattr(sys.modules[module], name) if is_local else function.__globals__.get(name)


def _names(code: types.CodeType) -> Iterator[str]:
    """Global names that code mentions, in order, nested functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
