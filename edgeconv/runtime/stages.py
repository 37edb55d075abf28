"""Shapes that only data tells (what NonZero finds, how many boxes are left): a program in stages.

The first stage is all that can be planned for the shapes of the inputs. Operators that decide on a shape run behind it,
and what depends on them is the next stage: a program of its own, planned for the shapes found. Its last few plans are
kept, as those of the whole are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeconv.core import Array, Kernel, TensorType, dequantize, type_of
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.ops.base import Operand, ShapeError, infer_types
from edgeconv.records import dataclass, replace
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor
from edgeconv.runtime.store import read

if TYPE_CHECKING:
    from edgeconv.runtime.planner import Plan

__all__ = ["Next", "Stage", "plan_counted", "split"]

_PLANS_KEPT = 16
"""More than for inputs: the number of boxes changes from picture to picture."""


@dataclass(frozen=True)
class Stage:
    """A program cut where data decides: `first` with all that can be planned, the steps that then decide on shapes, and
    the `rest` that depends on them (None for nothing). The rest reads tensors of both by the same indices.
    """

    first: Program
    deciding: tuple[Step, ...] = ()
    rest: Program | None = None


def split(program: Program, types: Sequence[TensorType]) -> Stage:
    """Cut a program for these types of its tensors, which are symbolic where data decides on them."""
    pending: set[int] = set()
    first: list[Step] = []
    deciding: list[Step] = []
    rest: list[Step] = []
    for step in program.steps:
        outputs = [index for index in step.outputs if index != ABSENT]
        is_open = not pending.isdisjoint(step.inputs)
        if not is_open and all(types[index].is_static for index in outputs):
            first.append(step)
            continue
        (rest if is_open else deciding).append(step)
        pending.update(outputs)
    if not deciding:
        return Stage(program)
    read_later = {index for step in (*deciding, *rest) for index in step.inputs if index != ABSENT}
    held = {index for step in first for index in step.outputs} | set(program.inputs)
    ends = [index for index in program.outputs if index not in pending]
    crossing = [index for index in sorted(read_later & held) if types[index].value is None and index not in ends]
    head = replace(program, steps=tuple(first), outputs=(*ends, *crossing))
    return Stage(head, tuple(deciding), _rest(program, types, deciding, rest, pending))


def _rest(
    program: Program, types: Sequence[TensorType], deciding: Sequence[Step], rest: Sequence[Step], pending: set[int]
) -> Program | None:
    """The steps that follow, as a program; what is known by now is constant there."""
    if not rest:
        return None
    made = {index for step in rest for index in step.outputs}
    decided = {index for step in deciding for index in step.outputs}
    wanted = sorted({index for step in rest for index in step.inputs if index != ABSENT and index not in made})
    inputs = tuple(index for index in wanted if index in decided or types[index].value is None)
    tensors = tuple(
        tensor if index in pending or types[index].value is None else Tensor(tensor.name, types[index])
        for index, tensor in enumerate(program.tensors)
    )
    outputs = tuple(index for index in program.outputs if index in made)
    return Program(tensors, tuple(rest), inputs, outputs)


def plan_counted(step: Step, program: Program, tensors: dict[int, Operand], limit: int) -> Kernel:
    """The kernel of a step that decides on shapes: it puts what it finds among `tensors`, in memory of its own."""
    compute = step.op.prepare(limit)
    label = f"{type(step.op).__name__} {step.name!r}"
    constants = {}
    if any(program.tensors[index].type.q for index in step.outputs if index != ABSENT):
        if step.op.quant is None or not step.op.quant.shared:
            raise InvalidModelError(f"{label} cannot compute in int8 with a shape that only data tells; convert again")
    else:
        known = [index for index in step.inputs if index in tensors and tensors[index].is_constant]
        constants = {index: _real(tensors[index]) for index in known}

    def kernel() -> None:
        arrays = [None if index == ABSENT else constants.get(index, read(tensors[index])) for index in step.inputs]
        try:
            _check_size(step, arrays, limit)
            results = compute(*arrays)
        except (ShapeError, ValueError, TypeError, IndexError, ArithmeticError) as error:
            raise EdgeconvError(f"{label} cannot run on this input: {error}") from error
        found = results if isinstance(results, tuple) else (results,)
        for index, result in zip(step.outputs, found, strict=True):
            if index != ABSENT:
                known = program.tensors[index].type
                array = np.ascontiguousarray(result, known.dtype).reshape(np.shape(result))
                tensors[index] = Operand(TensorType(known.dtype, array.shape, known.q), array)

    return kernel


def _real(held: Operand) -> Array:
    """A constant in the type that operators compute with."""
    if held.q is not None:
        return dequantize(held.array, held.q)
    return held.array.astype(np.float32) if held.array.dtype == np.float16 else held.array


def _check_size(step: Step, arrays: Sequence[Array | None], limit: int) -> None:
    """EdgeconvError before an output is made that takes more than `limit` bytes, where that can be told beforehand."""
    if not step.op.measures:
        return
    found = infer_types(step.op, [None if array is None else type_of(array) for array in arrays])
    nbytes = sum(known.nbytes for known in found if known.is_static)
    if nbytes > limit:
        raise EdgeconvError(f"{type(step.op).__name__} {step.name!r} gives {nbytes:,} bytes on this input, more than "
                            f"the limit of {limit:,}; raise it with Interpreter(..., memory_limit=bytes)")  # fmt: skip


class Next:
    """The stage behind another: planned for the shapes at hand when it runs. `plan`: the one that ran last."""

    def __init__(self, program: Program, build: Callable[[Program, Mapping[int, tuple[int, ...]]], Plan]) -> None:
        self.program, self._build = program, build
        self._plans: OrderedDict[tuple[tuple[int, ...], ...], Plan] = OrderedDict()
        self.plan: Plan | None = None

    def load(self, tensors: Mapping[int, Operand]) -> Plan:
        """The plan for the shapes of `tensors`, its inputs taken from them."""
        arrays = [read(tensors[index]) for index in self.program.inputs]
        shapes = tuple(array.shape for array in arrays)
        plan = self._plans.get(shapes)
        if plan is None:
            plan = self._plans[shapes] = self._build(self.program, dict(zip(self.program.inputs, shapes, strict=True)))
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(shapes)
        self.plan = plan
        for index, array in zip(self.program.inputs, arrays, strict=True):
            plan.loaders[index](array)
        return plan
