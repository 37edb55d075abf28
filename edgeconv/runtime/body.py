"""Programs inside operators: what they give for input types, and their kernels over memory of the operator's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from edgeconv.core import Array, TensorType, type_of
from edgeconv.ops.base import Inputs, Operand, Scratch, ShapeError, infer_types
from edgeconv.ops.subprogram import Body
from edgeconv.runtime.arena import place
from edgeconv.runtime.planner import build_plan, lifetimes, plan_step, resolve, run_plan, view_roots
from edgeconv.runtime.program import ABSENT, Program
from edgeconv.runtime.stages import Next
from edgeconv.runtime.store import read

__all__ = ["body_macs", "body_runner", "infer_outputs", "plan_body"]

_LIMIT = 1 << 31
"""Bytes for a program whose shapes depend on data, inside an operator that is planned."""


def infer_outputs(program: Program, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """The output types of a program inside an operator, for these input types; ShapeError names the step at fault."""
    types = _given_inputs(program, inputs)
    for step in program.steps:
        try:
            found = infer_types(step.op, [None if index == ABSENT else types[index] for index in step.inputs])
        except ShapeError as error:
            raise ShapeError(f"{type(step.op).__name__} {step.name!r} inside it: {error}") from error
        for index, known in zip(step.outputs, found, strict=True):
            if index != ABSENT:
                types[index] = TensorType(known.dtype, known.shape, None, known.value)
    return tuple(types[index] for index in program.outputs)


def body_macs(program: Program, inputs: Sequence[TensorType]) -> int:
    """Multiply-accumulate operations of one run; ValueError where they depend on what is not known."""
    types = resolve(program, _given_inputs(program, inputs))
    return sum(
        step.op.macs(
            Inputs([None if index == ABSENT else types[index] for index in step.inputs]),
            [types[index] for index in step.outputs if index != ABSENT],
        )
        for step in program.steps
    )


def plan_body(program: Program, inputs: Sequence[Operand], scratch: Scratch) -> Body:
    """Plan a program inside an operator; it reads the arrays of `inputs` in place, its own are in `scratch`."""
    types = resolve(program, _given_inputs(program, [operand.type for operand in inputs]))
    if not all(types[index].is_static for step in program.steps for index in step.outputs if index != ABSENT):
        return _plan_open(program, types, inputs, scratch)
    tensors = dict(zip(program.inputs, inputs, strict=True))
    roots = view_roots(program, types, tensors)
    own = {index: life for index, life in lifetimes(program, types, roots).items() if index not in tensors}
    offsets, nbytes = place(own)
    block = scratch((nbytes,), "uint8")
    for index, known in enumerate(types):
        if known.value is not None:
            tensors[index] = Operand(known, known.value)
        elif roots[index] in offsets:
            start = offsets[roots[index]]
            array = block[start : start + known.nbytes].view(known.dtype).reshape(known.ints)
            tensors[index] = Operand(known, array)
    kernels = [
        plan_step(step, types, tensors, scratch.nested())
        for step in program.steps
        if any(index != ABSENT and types[index].value is None for index in step.outputs)
    ]

    def run() -> None:
        for kernel in kernels:
            kernel()

    return Body([tensors[index] for index in program.outputs], run)


def _plan_open(program: Program, types: Sequence[TensorType], inputs: Sequence[Operand], scratch: Scratch) -> Body:
    """A program with shapes inside it that only data tells; its outputs have shapes that are known."""
    run = body_runner(program, _LIMIT)
    outputs = [
        Operand(known, scratch(known.ints, known.dtype))
        for known in (types[index].with_shape(types[index].ints) for index in program.outputs)
    ]

    def kernel() -> None:
        for target, found in zip(outputs, run(*(operand.array for operand in inputs)), strict=True):
            np.copyto(target.array, found)

    return Body(outputs, kernel)


def body_runner(program: Program, limit: int) -> Callable[..., tuple[Array, ...]]:
    """What runs a program on arrays, of whatever shapes; it keeps the plans of the last few. What it gives is valid
    until it runs again.
    """
    whole = Next(program, partial(build_plan, limit=limit))

    def run(*arrays: Array) -> tuple[Array, ...]:
        given = zip(program.inputs, arrays, strict=True)
        plan = whole.load({index: Operand(type_of(array), array) for index, array in given})
        run_plan(plan)
        return tuple(read(plan.tensors[index]) for index in program.outputs)

    return run


def _given_inputs(program: Program, inputs: Sequence[TensorType]) -> list[TensorType]:
    if len(inputs) != len(program.inputs):
        raise ShapeError(f"the program inside it has {len(program.inputs)} inputs, found {len(inputs)}")
    types = [tensor.type for tensor in program.tensors]
    for index, known in zip(program.inputs, inputs, strict=True):
        declared = types[index]
        if known.dtype != declared.dtype or known.rank != declared.rank:
            name = program.tensors[index].name
            raise ShapeError(f"the program inside it reads {name!r} as {declared}, found {known}")
        types[index] = known
    return types
