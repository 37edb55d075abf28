"""If: one of two branches, each a program of its own that reads values from around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, TensorType
from edgeconv.dims import counted
from edgeconv.ops.base import Inputs, Operand, Operator, Ref, Scratch, ShapeError
from edgeconv.ops.identity import Given, Identity
from edgeconv.ops.onnx_rules import AtRunTime, Result, Subgraph, Unsupported, onnx_rule
from edgeconv.ops.subprogram import Subprogram, evaluate
from edgeconv.records import dataclass

__all__ = ["If"]


@dataclass(frozen=True)
class If(Operator):
    """The outputs of one of two programs. Inputs: the condition, what the first reads, what the second reads.

    `label` names dimensions that the branches do not agree on.
    """

    then_branch: Subprogram
    else_branch: Subprogram
    label: str = ""

    folds: ClassVar[bool] = False
    measures: ClassVar[bool] = False

    def infer(self, condition: TensorType, *read: TensorType) -> tuple[TensorType, ...]:
        if condition.dtype != "bool" or (condition.value is None and condition.is_static and condition.size != 1):
            raise ShapeError(f"needs one truth value as its condition, found {condition}")
        count = len(self.then_branch.inputs)
        if condition.value is not None and condition.value.dtype != object:
            is_true = bool(condition.value.reshape(-1)[0])
            found = self.then_branch.infer(read[:count]) if is_true else self.else_branch.infer(read[count:])
            return tuple(known.with_shape(known.shape) for known in found)
        both = self.then_branch.infer(read[:count]), self.else_branch.infer(read[count:])
        return tuple(self._common(place, a, b) for place, (a, b) in enumerate(zip(*both, strict=True)))

    def _common(self, place: int, a: TensorType, b: TensorType) -> TensorType:
        """What is known of an output that is `a` or `b`."""
        if a.dtype != b.dtype or a.rank != b.rank:
            raise ShapeError(f"its branches give {a} and {b}, and data decides which; make them the same type")
        if a.shape != b.shape and not self.label:
            raise ShapeError(f"its branches give {a} and {b}, and it has no label for such dimensions")
        pairs = enumerate(zip(a.shape, b.shape, strict=True))
        return TensorType(a.dtype, tuple(x if x == y else self._open(place, axis) for axis, (x, y) in pairs))

    def _open(self, place: int, axis: int) -> Dim:
        return counted(f"{self.label}.{place}.{axis}")

    def prepare(self, limit: int) -> Callable[..., tuple[Array, ...]]:
        """Run the branch that the condition names, for the shapes at hand."""
        first, second = self.then_branch.runner(limit), self.else_branch.runner(limit)
        count = len(self.then_branch.inputs)

        def compute(condition: Array, *read: Array) -> tuple[Array, ...]:
            return first(*read[:count]) if condition.reshape(-1)[0] else second(*read[count:])

        return compute

    def run(self, condition: Array, *read: Array) -> tuple[Array, ...]:
        return evaluate(self, [condition, *read])

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        condition = inputs[0].array.reshape(-1)
        read = [inputs[place] for place in range(1, len(inputs))]
        count = len(self.then_branch.inputs)
        parts = ((self.then_branch, read[:count]), (self.else_branch, read[count:]))
        if inputs[0].is_constant:
            return _plan_branch(*parts[0 if condition[0] else 1], outputs, scratch)
        first, second = (_plan_branch(program, operands, outputs, scratch.nested()) for program, operands in parts)

        def kernel() -> None:
            if condition[0]:
                first()
            else:
                second()

        return kernel

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        """Of the branch that has more to do."""
        read = [inputs[place] for place in range(1, len(inputs))]
        count = len(self.then_branch.inputs)
        return max(self.then_branch.macs(read[:count]), self.else_branch.macs(read[count:]))


def _plan_branch(
    program: Subprogram, inputs: Sequence[Operand], outputs: Sequence[Operand], scratch: Scratch
) -> Kernel:
    body = program.plan(inputs, scratch)
    pairs = [(target.array, found.array) for target, found in zip(outputs, body.outputs, strict=True)]

    def kernel() -> None:
        body.run()
        for target, found in pairs:
            np.copyto(target, found)

    return kernel


@onnx_rule("If")
def import_if(condition: Ref, *, then_branch: Subgraph, else_branch: Subgraph, label: str) -> tuple[Result, ...]:
    """A condition that is known while importing leaves one branch, in the place of the node."""
    known = condition.value
    if known is not None and known.dtype != object:
        if known.size != 1:
            raise Unsupported(f"its condition {condition.type} is not one truth value")
        return (then_branch if bool(known.reshape(())) else else_branch).inline()
    first, second = then_branch.trace(), else_branch.trace()
    call = If(first.program, second.program, label)(condition, *first.read, *second.read)
    try:
        return tuple(call[index] for index in range(len(call.types)))
    except ShapeError as error:
        if condition.type.dtype != "bool":
            raise
        refusal = AtRunTime(condition, "cond").because(error)
        wanted, other = (all(isinstance(step.op, Identity) for step in each.program.steps) for each in (first, second))
        if wanted != other:
            values = (then_branch if wanted else else_branch).inline()
            refusal.instead = tuple(Given(wanted)(value, condition) for value in values if isinstance(value, Ref))
        raise refusal from error
