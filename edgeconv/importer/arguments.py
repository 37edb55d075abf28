"""An ONNX node's inputs and attributes as the arguments of its import rule, whose signature is the contract."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeconv.errors import InvalidModelError, UnsupportedModelError
from edgeconv.ops.base import ShapeError
from edgeconv.ops.onnx_rules import ImportRule, Items, Names, Noted, Nothing, Result, Unsupported, Value

__all__ = ["NO_TENSORS", "call_rule"]

_ATTRIBUTE = inspect.Parameter.KEYWORD_ONLY
NO_TENSORS = {
    Items: ("Items", "a sequence"),
    Nothing: ("Items", "an empty optional"),
    Names: ("Names", "a list of strings"),
}
"""What a value may be but a tensor: the word in the annotation of parameters that take it, and its name in messages."""

_KINDS: dict[str, type | tuple[type, ...]] = {"int": int, "float": (float, int), "str": str, "Array": np.ndarray}
"""What an attribute must be, by the annotation of its parameter."""


def call_rule(
    rule: ImportRule, inputs: Sequence[Value], attributes: dict[str, Any], outputs: int, where: str
) -> Result | tuple[Result, ...] | Noted:
    """What `rule` makes of a node; UnsupportedModelError or InvalidModelError for a node that does not fit it.

    What a rule itself raises passes; anything else is a ShapeError, since the rule trusted the file.
    """
    signature = inspect.signature(rule)
    given = {**attributes, "outputs": outputs} if "outputs" in signature.parameters else attributes
    _check_attributes(signature, attributes, where)
    try:
        bound = signature.bind(*inputs, **given)
    except TypeError as error:
        raise _unknown_form(where, error) from error
    _check_arguments(signature, bound, where)
    try:
        return rule(*bound.args, **bound.kwargs)
    except (ShapeError, Unsupported):
        raise
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        # the rule may hand its attributes on, to one that does not know them
        _, found, name = str(error).partition("got an unexpected keyword argument")
        if found:
            raise _unknown_form(where, found + name) from error
        raise ShapeError(f"its inputs and attributes do not fit each other ({error})") from error


def _unknown_form(where: str, found: object) -> UnsupportedModelError:
    return UnsupportedModelError(f"{where}: {found}; edgeconv does not know this form of the operator")


def _check_attributes(signature: inspect.Signature, attributes: dict[str, Any], where: str) -> None:
    """No attribute has the name of an input (it is one of another opset, where it was none), and each its own type."""
    known = [name for name in attributes if name in signature.parameters]
    for name in known:
        parameter, value = signature.parameters[name], attributes[name]
        if parameter.kind is not _ATTRIBUTE:
            raise _unknown_form(where, f"{name!r} is an input in the model's opset, found an attribute")
        wanted = str(parameter.annotation).removesuffix(" | None")
        element = wanted.removeprefix("Sequence[").removesuffix("]")
        items = value if element != wanted and isinstance(value, (tuple, list)) else (value,)
        is_list = isinstance(value, (tuple, list)) or element == wanted
        is_graph = element != "Subgraph" or not isinstance(value, (int, float, str, tuple, np.ndarray))
        if not (is_list and is_graph and all(isinstance(item, _KINDS.get(element, object)) for item in items)):
            found = sorted({type(item).__name__ for item in items})
            raise InvalidModelError(f"{where}: its attribute {name!r} is {', '.join(found)}, where ONNX has {wanted}")


def _check_arguments(signature: inspect.Signature, bound: inspect.BoundArguments, where: str) -> None:
    """Required inputs are there, and only parameters that say so get anything but a tensor."""
    for name, parameter in signature.parameters.items():
        value = bound.arguments.get(name, 0)
        is_many = parameter.kind is parameter.VAR_POSITIONAL
        if value is None and not is_many and parameter.default is inspect.Parameter.empty:
            raise InvalidModelError(f"{where}: its input {name!r} is missing")
        for each in value if is_many and isinstance(value, (tuple, list)) else (value,):
            word, kind = NO_TENSORS.get(type(each), ("", ""))
            if word not in str(parameter.annotation):
                raise UnsupportedModelError(f"{where}: its input {name!r} is {kind}, where edgeconv needs a tensor")
