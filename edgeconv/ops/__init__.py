"""Floor 1: one file per operator. Imports numpy, the standard library and floor 0, nothing else.

`MODULES` is the registry: operator name -> module of this package. A module is loaded when a model names its operator.
"""

from __future__ import annotations

from importlib import import_module

from edgeconv.ops.base import Operator
from edgeconv.ops.modules import MODULES, RULE_MODULES

__all__ = ["MODULES", "load_all", "operator_class"]


def operator_class(name: str) -> type[Operator]:
    """The class of the operator called `name`; KeyError if there is none."""
    module = import_module(f"edgeconv.ops.{MODULES[name]}")
    found = getattr(module, name)
    if not (isinstance(found, type) and issubclass(found, Operator)):
        raise KeyError(name)
    return found


def load_all() -> tuple[type[Operator], ...]:
    """Every operator class, in the order of the table; loads all modules, and with them every ONNX import rule."""
    for module in RULE_MODULES:
        import_module(f"edgeconv.ops.{module}")
    return tuple(operator_class(name) for name in MODULES)
