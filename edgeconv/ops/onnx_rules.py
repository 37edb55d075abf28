"""The table of ONNX import rules, filled by the operator files as they load.

A rule is a free function whose signature is the contract: inputs positional (`Ref`, or None where ONNX allows absence),
attributes keyword-only with ONNX's defaults. It returns an expression, or a tuple of them for several outputs.
`since` is the first opset version that the rule speaks for; the newest rule not beyond the model's opset is taken.
A rule that changes what the model gives (class names become numbers) wraps its results in `Noted`: the user is told.
A keyword `outputs` gets the number of outputs wanted, `elements` the ONNX element types of the inputs, `label` a name
that no other node has: for dimensions that only data tells.

A parameter annotated with `Items` takes a sequence of tensors, too, one with `Names` a constant list of strings; one
annotated with `Subgraph` is a graph attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from edgeconv.core import TensorType
from edgeconv.ops.base import Expr, Ref
from edgeconv.records import dataclass

if TYPE_CHECKING:
    from edgeconv.ops.subprogram import Subprogram

__all__ = [
    "AtRunTime",
    "ImportRule",
    "Items",
    "NOTHING",
    "Names",
    "Noted",
    "Nothing",
    "REFUSED",
    "RULES",
    "Result",
    "Subgraph",
    "Traced",
    "Unsupported",
    "Value",
    "find_rule",
    "onnx_rule",
    "refuse",
]


@dataclass(frozen=True, eq=False)
class Items:
    """A sequence of tensors. It exists while importing only: the device has tensors alone."""

    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Nothing:
    """An ONNX optional that holds nothing."""


NOTHING = Nothing()


@dataclass(frozen=True)
class Names:
    """A constant list of strings. It exists while importing only: what is picked from it are numbers of its entries."""

    values: tuple[str, ...]


Value: TypeAlias = "Ref | Items | Names | Nothing | None"
"""What a name of an ONNX graph stands for; None for an optional input that was not given."""
Result: TypeAlias = "Expr | Items | Names | Nothing | None"
"""What a rule may return for one output."""


@dataclass(frozen=True)
class Noted:
    """Results that differ from what the ONNX model gives in a way that its user should know: `note` says how."""

    results: tuple[Result, ...]
    note: str


ImportRule: TypeAlias = "Callable[..., Result | tuple[Result, ...] | Noted]"
_Rule = TypeVar("_Rule", bound="ImportRule")

RULES: dict[tuple[str, str], list[tuple[int, ImportRule]]] = {}
"""(domain, ONNX operator) -> rules with the opset since which each holds, oldest first."""

REFUSED: dict[tuple[str, str], str] = {}
"""(domain, ONNX operator) -> why it is not converted, where that holds for every node of the kind."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A subgraph as a program: its inputs are those it was traced with, then `read`, values of the graph around it."""

    program: Subprogram
    read: tuple[Ref, ...]


class Subgraph:
    """A graph attribute (a branch of If, the body of a Loop), which may read values of the graph around it."""

    @property
    def inputs(self) -> int:
        """Number of its inputs."""
        raise NotImplementedError

    @property
    def outputs(self) -> int:
        """Number of its outputs."""
        raise NotImplementedError

    def hands_on(self, output: int, source: int, by: Sequence[str] = ("Identity",)) -> bool:
        """Is an output the input `source` itself, whatever that is, nodes of the types `by` aside?"""
        raise NotImplementedError

    def inline(self, values: Sequence[Result] = ()) -> tuple[Value, ...]:
        """Import its nodes into the graph around it, `values` for its inputs; what its outputs are then."""
        raise NotImplementedError

    def trace(
        self,
        inputs: Sequence[TensorType] = (),
        values: Callable[[Sequence[Ref]], Sequence[Result]] | None = None,
        skip: int = 0,
    ) -> Traced:
        """Import it as a program of its own, with these inputs.

        `values` makes the subgraph's inputs of the program's, where they are not the same. The first `skip` outputs are
        left out. Raises Unsupported where an output is no tensor.
        """
        raise NotImplementedError


class Unsupported(ValueError):  # noqa: N818 - rules raise it as a word, not as an error of the program
    """Raised by a rule for a valid node that edgeconv cannot convert; the message says why, and the way on."""


class AtRunTime(Unsupported):
    """Raised by a rule for an input that must be known while converting, and is not: `ref`, called `name` by ONNX.

    `instead`: the results where no input of the model can be bound to make it known; None where that is an error.
    """

    instead: tuple[Result, ...] | None = None

    def __init__(self, ref: Ref, name: str) -> None:
        super().__init__(f"its input {name!r} is computed at run time; make it a constant")
        self.ref = ref

    def of(self, ref: Ref) -> AtRunTime:
        """The same, with the value known where `ref` is."""
        other = AtRunTime(ref, "")
        other.args = self.args
        return other

    def because(self, why: Exception | str) -> AtRunTime:
        """The same, with the reason why it must be known."""
        other = AtRunTime(self.ref, "")
        other.args = (f"{why}; and {self}",)
        return other


def onnx_rule(*names: str, since: int = 1, domain: str = "") -> Callable[[_Rule], _Rule]:
    """Register the decorated function as the import rule of the ONNX operators `names`."""

    def register(rule: _Rule) -> _Rule:
        for name in names:
            rules = RULES.setdefault((domain, name), [])
            rules.append((since, rule))
            rules.sort(key=lambda entry: entry[0])
        return rule

    return register


def refuse(*names: str, reason: str, domain: str = "") -> None:
    """Register that the ONNX operators `names` cannot be converted, ever; `reason` says why, and the way on."""

    def rule(*inputs: Value, **attributes: object) -> Result:
        raise Unsupported(reason)

    for name in names:
        REFUSED[domain, name] = reason
        onnx_rule(name, domain=domain)(rule)


def find_rule(domain: str, name: str, opset: int) -> ImportRule | None:
    """The newest rule for the operator that holds at `opset`, or None."""
    found = [rule for since, rule in RULES.get((domain, name), []) if since <= opset]
    return found[-1] if found else None
