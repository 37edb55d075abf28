"""Program: what a `.edge` file says, as plain data. Reader and exporter make it, interpreter and writer take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Operand, Operator, Scratch
from edgeconv.records import dataclass, field, fields_of, replace

if TYPE_CHECKING:
    from edgeconv.ops.subprogram import Body

__all__ = ["ABSENT", "Program", "Step", "Tensor", "every_program", "programs_of"]

ABSENT = -1
"""The tensor index of an optional input that is not there."""


@dataclass(frozen=True)
class Tensor:
    """One value of the program; `type.value` holds the data of a constant. The name is ONNX's, where there is one."""

    name: str
    type: TensorType

    @property
    def data(self) -> Array | None:
        """The constant's values, or None for an activation."""
        return self.type.value


@dataclass(frozen=True)
class Step:
    """One operator applied to tensors, by index; `name` is the ONNX node that users know."""

    op: Operator
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = ""


@dataclass(frozen=True)
class Program:
    """Tensors, steps in execution order, inputs and outputs by tensor index, and what is known of the origin.

    `metadata` is free text by key: producer, source digest, calibration digest, options. A program may also stand
    inside an operator, as the body of a loop. `states` are pairs of an input and the output that it is next time.
    """

    tensors: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    states: tuple[tuple[int, int], ...] = ()

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The types of the outputs of a program inside an operator; ShapeError names the step at fault."""
        from edgeconv.runtime.body import infer_outputs

        return infer_outputs(self, inputs)

    def plan(self, inputs: Sequence[Operand], scratch: Scratch) -> Body:
        """Prepare a program inside an operator, over the arrays of `inputs` and `scratch`."""
        from edgeconv.runtime.body import plan_body

        return plan_body(self, inputs, scratch)

    def runner(self, limit: int) -> Callable[..., tuple[Array, ...]]:
        """What computes the outputs from arrays of any shapes; `limit`: bytes that it may take."""
        from edgeconv.runtime.body import body_runner

        return body_runner(self, limit)

    def between(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Program:
        """The same program from and to these of its tensors."""
        return replace(self, inputs=inputs, outputs=outputs)

    def macs(self, inputs: Sequence[TensorType]) -> int:
        """Multiply-accumulate operations of a program inside an operator; ValueError where they are not known."""
        from edgeconv.runtime.body import body_macs

        return body_macs(self, inputs)

    def __hash__(self) -> int:
        return hash((len(self.tensors), self.inputs, self.outputs))

    def __repr__(self) -> str:
        return f"<{len(self.steps)} steps>"


def programs_of(op: Operator) -> dict[str, Program]:
    """The programs inside an operator, by attribute."""
    return {item.name: getattr(op, item.name) for item in fields_of(type(op)) if item.annotation == "Subprogram"}


def every_program(program: Program) -> Iterator[Program]:
    """The program itself, and those inside its operators, in order."""
    yield program
    for step in program.steps:
        for inner in programs_of(step.op).values():
            yield from every_program(inner)
