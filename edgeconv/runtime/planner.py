"""From a program and the shapes of its inputs to kernels over one arena.

Types are resolved for the given shapes, what depends on shapes alone is computed at once, every other activation gets
a place in the arena for as long as it lives, and every operator is planned once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgeconv.core import Array, Kernel, TensorType, dequantize
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.ops.base import Inputs, Operand, Scratch, ShapeError, infer_types
from edgeconv.ops.integer import held_dtype, held_limits, is_int16
from edgeconv.records import dataclass, replace
from edgeconv.runtime.arena import Lifetime, ScratchPool, blocks_of, place
from edgeconv.runtime.forms import choose_forms
from edgeconv.runtime.program import ABSENT, Program, Step
from edgeconv.runtime.store import Loader, Memory, Store

if TYPE_CHECKING:
    from edgeconv.runtime.processes import Processes
    from edgeconv.runtime.stages import Next
    from edgeconv.runtime.threads import Threads

__all__ = [
    "Plan",
    "activation_bytes",
    "build_plan",
    "lifetimes",
    "plan_alone",
    "plan_step",
    "resolve",
    "resolve_types",
    "run_plan",
    "view_roots",
]


_KNOWN_BYTES = 1 << 24
"""Values that follow from shapes alone are kept up to this size; larger ones live in the arena, under its limit."""


@dataclass(frozen=True)
class Plan:
    """What runs: kernels in order, and how each tensor is held, constants included.

    `loaders` take the caller's arrays into the inputs, without further memory. `steps`: all that are planned here,
    those that need no kernel included. `next`: what is planned when these have run, see `stages`; `tensors` then gets
    its results. `memory` is that of this stage.
    """

    types: Sequence[TensorType]
    tensors: dict[int, Operand]
    kernels: Sequence[tuple[Step, Kernel]]
    loaders: Mapping[int, Loader]
    memory: Memory
    steps: Sequence[Step]
    next: Next | None = None


def resolve_types(program: Program, shapes: Mapping[int, tuple[int, ...]]) -> list[TensorType]:
    """The type of every tensor for the given input shapes (tensor index -> shape), values included where known."""
    types = [tensor.type for tensor in program.tensors]
    for index, shape in shapes.items():
        types[index] = types[index].with_shape(shape)
    return resolve(program, types)


def resolve(program: Program, types: list[TensorType]) -> list[TensorType]:
    """The types of all tensors, those of inputs and constants given."""
    for step in program.steps:
        inputs = [None if index == ABSENT else types[index] for index in step.inputs]
        try:
            found = infer_types(step.op, inputs)
        except ShapeError as error:
            raise InvalidModelError(
                f"{type(step.op).__name__} {step.name!r} cannot run on this input: {error}"
            ) from error
        known = _values(step, inputs, found)
        for index, resolved, value in zip(step.outputs, found, known, strict=True):
            if index != ABSENT:
                dtype = held_dtype(step.op, resolved, types[index])
                held = TensorType(dtype, resolved.shape, types[index].q, value)
                limits = held_limits(step.op, inputs, held)
                types[index] = held if limits is None else replace(held, limits=limits)
    return types


def _values(step: Step, inputs: Sequence[TensorType | None], found: Sequence[TensorType]) -> list[Array | None]:
    """Values of outputs that follow from shapes and constants alone."""
    if all(known.value is not None for known in found):
        return [known.value for known in found]
    is_known = all(known is None or (_is_plain(known.value) and known.q is None) for known in inputs)
    if not is_known or not inputs or not step.op.folds or any(known.dtype == "int8" for known in found):
        return [None] * len(found)
    if not all(known.is_static for known in found) or sum(known.nbytes for known in found) > _KNOWN_BYTES:
        return [None] * len(found)
    with np.errstate(all="ignore"):
        result = step.op.run(*(None if known is None else known.value for known in inputs))
    values = result if isinstance(result, tuple) else (result,)
    return [
        np.ascontiguousarray(value, known.dtype).reshape(known.ints) for value, known in zip(values, found, strict=True)
    ]


def _is_plain(value: Array | None) -> bool:
    """True for a value, False for none, or for one with dimensions that are not known yet."""
    return value is not None and value.dtype != object


def build_plan(
    program: Program,
    shapes: Mapping[int, tuple[int, ...]],
    limit: int,
    *,
    small: bool = False,
    workers: Processes | Threads | None = None,
) -> Plan:
    """Plan `program` for input shapes; EdgeconvError when activations need more than `limit` bytes.

    `small`: activations as the file declares them, and weights made ready layer by layer in every call.
    """
    types = resolve_types(program, shapes)
    if not all(known.is_static for known in types):
        return _plan_stages(program, types, limit, small, workers)
    return _plan_settled(program, types, limit, small, workers)


def _plan_settled(
    program: Program, types: Sequence[TensorType], limit: int, small: bool, workers: Processes | Threads | None
) -> Plan:
    """The plan of a program all of whose shapes are known."""
    roots = view_roots(program, types)
    forms = {} if small else choose_forms(program, types, roots)
    sharing = None if workers is None else workers.for_plan()
    store = Store(types, lifetimes(program, types, roots), forms, limit, blocks_of(sharing))
    pool = ScratchPool(limit - store.working_bytes, sharing, small)
    held = {index: store.operand(index, root) for index, root in enumerate(roots)}
    tensors = {index: operand for index, operand in held.items() if operand is not None}
    loaders = {index: Loader(tensors[index], pool.for_step()) for index in program.inputs}
    steps = [step for step in program.steps if _is_needed(step, types)]
    kernels = [(step, _plan_small(step, types, tensors, pool) if small else _plan_step(step, types, tensors, pool))
               for step in steps]  # fmt: skip
    memory = Memory(store.arena_bytes, pool.prepared_bytes + pool.passing_bytes, store.working_bytes + pool.nbytes)
    return Plan(types, tensors, kernels, loaders, memory, program.steps)


def _plan_stages(
    program: Program, types: Sequence[TensorType], limit: int, small: bool, workers: Processes | Threads | None
) -> Plan:
    """The plan of a program with shapes that only data tells: of what comes before, and how it goes on."""
    from edgeconv.runtime.stages import Next, plan_counted, split  # a program whose shapes are known needs none

    stage = split(program, types)
    first = _plan_settled(stage.first, types, limit, small, workers)
    kernels = [(step, plan_counted(step, program, first.tensors, limit)) for step in stage.deciding]
    later = None if workers is None else workers.later
    build = partial(build_plan, limit=limit, small=small, workers=later)
    follow = None if stage.rest is None else Next(stage.rest, build)
    steps = (*stage.first.steps, *stage.deciding)
    return replace(first, kernels=[*first.kernels, *kernels], steps=steps, next=follow)


def run_plan(plan: Plan, tap: Callable[[int, Operand], None] | None = None) -> None:
    """Run the kernels in order, then the stages that follow; `tap` sees every tensor as soon as its step has run."""
    if tap is None:
        for _, kernel in plan.kernels:
            kernel()
    else:
        _run_watched(plan, tap)
    if plan.next is not None:
        follow = plan.next.load(plan.tensors)
        run_plan(follow, tap)
        plan.tensors.update((index, follow.tensors[index]) for index in plan.next.program.outputs)


def _run_watched(plan: Plan, tap: Callable[[int, Operand], None]) -> None:
    kernels = iter(plan.kernels)
    pending = next(kernels, None)
    for step in plan.steps:
        if pending is not None and pending[0] is step:
            pending[1]()
            pending = next(kernels, None)
        for index in step.outputs:
            if index != ABSENT:
                tap(index, plan.tensors[index])


def _is_needed(step: Step, types: Sequence[TensorType]) -> bool:
    return any(index != ABSENT and types[index].value is None for index in step.outputs)


def _plan_small(step: Step, types: Sequence[TensorType], tensors: Mapping[int, Operand], pool: ScratchPool) -> Kernel:
    """The kernel of a step; with weights it is planned anew in every call, and they are not kept."""
    before = pool.prepared_bytes
    kernel = _plan_step(step, types, tensors, pool)
    if all(index == ABSENT or types[index].value is None for index in step.inputs):
        return kernel
    pool.prepared_bytes, pool.passing_bytes = before, max(pool.passing_bytes, pool.prepared_bytes - before)

    def plan_and_run() -> None:
        _plan_step(step, types, tensors, pool)()

    return plan_and_run


def _plan_step(step: Step, types: Sequence[TensorType], tensors: Mapping[int, Operand], pool: ScratchPool) -> Kernel:
    return plan_step(step, types, tensors, pool.for_step())


def _is_narrow(known: TensorType) -> bool:
    """True for what a step computes in the type that its constants are stored in."""
    return known.q is not None or known.dtype == "float16"


def plan_step(step: Step, types: Sequence[TensorType], tensors: Mapping[int, Operand], scratch: Scratch) -> Kernel:
    """The kernel of one step over its tensors as they are held."""
    integer = any(index != ABSENT and _is_narrow(types[index]) for index in step.outputs) or any(
        index != ABSENT and types[index].q is not None and types[index].value is None for index in step.inputs
    )
    inputs = [None if index == ABSENT else _operand(tensors[index], integer, scratch) for index in step.inputs]
    outputs = [tensors[index] for index in step.outputs if index != ABSENT]
    try:
        if not step.op.int16 and any(is_int16(operand.type) for operand in (*inputs, *outputs) if operand is not None):
            raise ShapeError("it has no kernel for 16-bit activations")
        return step.op.plan(Inputs(inputs), outputs, scratch)
    except (ShapeError, ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise EdgeconvError(f"{type(step.op).__name__} {step.name!r} cannot be planned: {error}") from error


def activation_bytes(program: Program, shapes: Mapping[int, tuple[int, ...]]) -> int:
    """Bytes of the arena for the given input shapes, without what depends on shapes that only data tells."""
    types = resolve_types(program, shapes)
    if not all(known.is_static for known in types):
        from edgeconv.runtime.stages import split

        program = split(program, types).first
    return place(lifetimes(program, types, view_roots(program, types)))[1]


def plan_alone(
    step: Step, types: Sequence[TensorType], arrays: Mapping[int, Array], pool: ScratchPool | None = None
) -> Kernel:
    """The kernel of a single step over arrays of its own; `pool` gives working memory that others may share."""
    tensors = {index: Operand(types[index], array) for index, array in arrays.items()}
    return _plan_step(step, types, tensors, ScratchPool(1 << 40) if pool is None else pool)


def _operand(known: Operand, integer: bool, scratch: Scratch) -> Operand:
    """The operand of a step; weights stored in int8 or float16 become float32 where the step computes in float."""
    if not known.is_constant or integer:
        return known
    if known.q is not None:
        array = dequantize(known.array, known.q)
    elif known.type.dtype == "float16":
        array = known.array.astype(np.float32)
    else:
        return known
    held = scratch.hold(array)
    return Operand(TensorType("float32", known.type.shape, None, held), held)


def view_roots(program: Program, types: Sequence[TensorType], given: Collection[int] = ()) -> list[int]:
    """For every tensor, the tensor whose bytes it shares: itself, but for the outputs of views.

    What is `given` may have gaps, so that its views are copies.
    """
    roots = list(range(len(types)))
    for step in program.steps:
        if step.op.view and types[step.inputs[0]].value is None and step.inputs[0] not in given:
            roots[step.outputs[0]] = roots[step.inputs[0]]
    return roots


def lifetimes(program: Program, types: Sequence[TensorType], roots: Sequence[int]) -> dict[int, Lifetime]:
    """When each buffer is in use: from the step that writes it to the last one that reads it."""
    end = len(program.steps)
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def touch(index: int, moment: int) -> None:
        if index != ABSENT and types[index].value is None:
            first.setdefault(roots[index], moment)
            last[roots[index]] = moment

    for index in program.inputs:
        touch(index, -1)
    for moment, step in enumerate(program.steps):
        for index in (*step.inputs, *step.outputs):
            touch(index, moment)
    for index in program.outputs:
        touch(index, end)
    return {root: Lifetime(types[root].nbytes, moment, last[root]) for root, moment in first.items()}
