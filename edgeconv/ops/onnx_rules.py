"""The table of ONNX import rules, filled by the operator files as they load.

A rule is a free function whose signature is the contract: inputs positional (`Ref`, or None where ONNX allows absence),
attributes keyword-only with ONNX's defaults. It returns an expression, or a tuple of them for several outputs.
`since` is the first opset version that the rule speaks for; the newest rule not beyond the model's opset is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from edgeconv.ops.base import Expr

__all__ = ["ImportRule", "RULES", "Unsupported", "find_rule", "onnx_rule"]

ImportRule = Callable[..., "Expr | tuple[Expr | None, ...]"]
_Rule = TypeVar("_Rule", bound=ImportRule)

RULES: dict[tuple[str, str], list[tuple[int, ImportRule]]] = {}
"""(domain, ONNX operator) -> rules with the opset since which each holds, oldest first."""


class Unsupported(ValueError):  # noqa: N818 - rules raise it as a word, not as an error of the program
    """Raised by a rule for a valid node that edgeconv cannot convert; the message says why, and the way on."""


def onnx_rule(*names: str, since: int = 1, domain: str = "") -> Callable[[_Rule], _Rule]:
    """Register the decorated function as the import rule of the ONNX operators `names`."""

    def register(rule: _Rule) -> _Rule:
        for name in names:
            rules = RULES.setdefault((domain, name), [])
            rules.append((since, rule))
            rules.sort(key=lambda entry: entry[0])
        return rule

    return register


def find_rule(domain: str, name: str, opset: int) -> ImportRule | None:
    """The newest rule for the operator that holds at `opset`, or None."""
    found = [rule for since, rule in RULES.get((domain, name), []) if since <= opset]
    return found[-1] if found else None
