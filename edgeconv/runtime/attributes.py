"""Attributes of operators, as the file knows them: the annotation of a dataclass field says which kind it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any, TypeAlias

from edgeconv.errors import InternalError, InvalidModelError
from edgeconv.ops.base import Operator
from edgeconv.records import MISSING, fields_of
from edgeconv.runtime.layout import AttributeKind, slot_names
from edgeconv.runtime.program import Program

__all__ = ["AttributeValue", "attribute_kinds", "build_operator", "stored_attributes"]

AttributeValue: TypeAlias = int | float | bool | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Program

_KINDS: Mapping[str, int] = {
    "int": AttributeKind.INT,
    "float": AttributeKind.FLOAT,
    "bool": AttributeKind.BOOL,
    "str": AttributeKind.STRING,
    "tuple[int, ...]": AttributeKind.INTS,
    "tuple[float, ...]": AttributeKind.FLOATS,
    "tuple[str, ...]": AttributeKind.STRINGS,
    "Subprogram": AttributeKind.PROGRAM,
}
"""By the annotation as it is written in the operator's file."""


def attribute_kinds(op: type[Operator]) -> Mapping[str, int]:
    """Attribute name -> kind, in the order of the fields. InternalError for a field that the file cannot hold."""
    kinds = {}
    for item in fields_of(op):
        if item.annotation not in _KINDS:
            raise InternalError(
                f"attribute {op.__name__}.{item.name} has type {item.annotation}, which a file cannot hold"
            )
        kinds[item.name] = _KINDS[item.annotation]
    return kinds


def stored_attributes(op: Operator) -> list[tuple[str, int, AttributeValue]]:
    """(name, kind, value) of the attributes that differ from their defaults; InternalError for a wrong value."""
    stored, defaults = [], _defaults(type(op))
    for name, kind in attribute_kinds(type(op)).items():
        value = _plain(type(op).__name__, name, kind, getattr(op, name))
        default = defaults.get(name)
        if default is None or repr(_plain(type(op).__name__, name, kind, default)) != repr(value):
            stored.append((name, kind, value))
    return stored


def build_operator(op: type[Operator], found: Mapping[str, tuple[int, AttributeValue]], what: str) -> Operator:
    """The operator with the attributes `found`, defaults elsewhere; InvalidModelError where they do not fit."""
    kinds = attribute_kinds(op)
    for name, (kind, value) in found.items():
        if name not in kinds:
            known = ", ".join(kinds) or "none"
            raise InvalidModelError(
                f"{what} has the attribute {name!r}, which this edgeconv does not know (it knows: {known}); "
                "a newer edgeconv may read the file"
            )
        if kind != kinds[name]:
            raise InvalidModelError(
                f"{what} has the attribute {name!r} of kind {_word(kind)} where {_word(kinds[name])} is "
                "needed; convert the model again"
            )
        _refuse_nan(name, value, what)
    defaults = _defaults(op)
    missing = [name for name in kinds if name not in found and name not in defaults]
    if missing:
        raise InvalidModelError(f"{what} lacks the attribute {missing[0]!r}; convert the model again")
    try:
        return op(**{name: value for name, (_, value) in found.items()})
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidModelError(f"{what} has attributes that do not fit together: {error}") from error


def _word(kind: int) -> str:
    return slot_names(AttributeKind)[kind].lower()


def _defaults(op: type[Operator]) -> Mapping[str, Any]:
    return {item.name: item.default for item in fields_of(op) if item.default is not MISSING}


def _plain(op: str, name: str, kind: int, value: Any) -> AttributeValue:
    """`value` in Python's own types; InternalError where it is not of the declared kind."""
    try:
        return _convert(kind, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise InternalError(f"attribute {op}.{name} is {value!r}, not {_word(kind)}: {error}") from error


def _convert(kind: int, value: Any) -> AttributeValue:
    convert = _CONVERTERS[kind]
    return tuple(convert(item) for item in value) if kind in _VECTORS else convert(value)


def _integer(value: Any) -> int:
    number = int(value.__index__())
    if not -(2**63) <= number < 2**63:
        raise ValueError("it does not fit into 64 bits")
    return number


def _real(value: Any) -> float:
    from numbers import Real

    if not isinstance(value, Real):
        raise TypeError("a number is needed")
    number = float(value)
    if isnan(number):
        raise ValueError("NaN is not allowed")
    return number


def _program(value: Any) -> Program:
    if not isinstance(value, Program):
        raise TypeError("a program is needed")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    return value


def _refuse_nan(name: str, value: AttributeValue, what: str) -> None:
    items = value if isinstance(value, tuple) else (value,)
    if any(isinstance(item, float) and isnan(item) for item in items):
        raise InvalidModelError(f"{what} has the attribute {name!r} with NaN; convert the model again")


_VECTORS = (AttributeKind.INTS, AttributeKind.FLOATS, AttributeKind.STRINGS)
_CONVERTERS: Mapping[int, Callable[[Any], Any]] = {
    AttributeKind.INT: _integer,
    AttributeKind.INTS: _integer,
    AttributeKind.FLOAT: _real,
    AttributeKind.FLOATS: _real,
    AttributeKind.STRING: _text,
    AttributeKind.STRINGS: _text,
    AttributeKind.BOOL: bool,
    AttributeKind.PROGRAM: _program,
}
"""What makes one item of a plain value."""
