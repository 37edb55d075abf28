"""From a program and the shapes of its inputs to kernels over one arena.

Types are resolved for the given shapes, what depends on shapes alone is computed at once, every other activation gets
a place in the arena for as long as it lives, and every operator is planned once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgeconv.core import Array, Kernel, TensorType, dequantize
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.ops.base import Inputs, Operand, ShapeError, infer_types
from edgeconv.ops.quantize import quantizer
from edgeconv.records import dataclass
from edgeconv.runtime.arena import Arena, Lifetime, ScratchPool, place
from edgeconv.runtime.program import ABSENT, Program, Step

__all__ = ["Plan", "activation_bytes", "build_plan", "plan_alone", "resolve_types"]


_KNOWN_BYTES = 1 << 24
"""Values that follow from shapes alone are kept up to this size; larger ones live in the arena, under its limit."""


@dataclass(frozen=True)
class Plan:
    """What runs: kernels in order, and the arrays that they read and write.

    `quantizers` take float32 values of a quantized input into its array, without further memory.
    """

    types: Sequence[TensorType]
    arrays: Mapping[int, Array]
    kernels: Sequence[tuple[Step, Kernel]]
    quantizers: Mapping[int, Callable[[Array], None]]
    arena_bytes: int
    scratch_bytes: int


def resolve_types(program: Program, shapes: Mapping[int, tuple[int, ...]]) -> list[TensorType]:
    """The type of every tensor for the given input shapes (tensor index -> shape), values included where known."""
    types = [tensor.type for tensor in program.tensors]
    for index, shape in shapes.items():
        types[index] = types[index].with_shape(shape)
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
                types[index] = TensorType(resolved.dtype, resolved.shape, types[index].q, value)
    return types


def _values(step: Step, inputs: Sequence[TensorType | None], found: Sequence[TensorType]) -> list[Array | None]:
    """Values of outputs that follow from shapes and constants alone."""
    if all(known.value is not None for known in found):
        return [known.value for known in found]
    is_known = all(known is None or (known.value is not None and known.q is None) for known in inputs)
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


def build_plan(program: Program, shapes: Mapping[int, tuple[int, ...]], limit: int) -> Plan:
    """Plan `program` for input shapes; EdgeconvError when activations need more than `limit` bytes."""
    types = resolve_types(program, shapes)
    roots = _view_roots(program, types)
    arena = Arena(_lifetimes(program, types, roots), limit)
    arrays: dict[int, Array] = {}
    for index, known in enumerate(types):
        if known.value is not None:
            arrays[index] = known.value
        elif roots[index] in arena.offsets:
            arrays[index] = arena.view(roots[index], known.ints, known.dtype)
    pool = ScratchPool(limit)
    kernels = [
        (step, _plan_step(step, types, arrays, pool))
        for step in program.steps
        if any(index != ABSENT and types[index].value is None for index in step.outputs)
    ]
    quantizers = {
        index: quantizer(arrays[index], q, pool.for_step()(arrays[index].shape))
        for index in program.inputs
        if (q := types[index].q) is not None
    }
    return Plan(types, arrays, kernels, quantizers, arena.nbytes, pool.nbytes)


def _plan_step(step: Step, types: Sequence[TensorType], arrays: Mapping[int, Array], pool: ScratchPool) -> Kernel:
    integer = any(index != ABSENT and types[index].q is not None for index in step.outputs) or any(
        index != ABSENT and types[index].q is not None and types[index].value is None for index in step.inputs
    )
    inputs = [None if index == ABSENT else _operand(types[index], arrays[index], integer) for index in step.inputs]
    outputs = [Operand(types[index], arrays[index]) for index in step.outputs if index != ABSENT]
    try:
        return step.op.plan(Inputs(inputs), outputs, pool.for_step())
    except (ShapeError, ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise EdgeconvError(f"{type(step.op).__name__} {step.name!r} cannot be planned: {error}") from error


def activation_bytes(program: Program, shapes: Mapping[int, tuple[int, ...]]) -> int:
    """Bytes of the arena for the given input shapes."""
    types = resolve_types(program, shapes)
    return place(_lifetimes(program, types, _view_roots(program, types)))[1]


def plan_alone(step: Step, types: Sequence[TensorType], arrays: Mapping[int, Array]) -> Kernel:
    """The kernel of a single step over arrays of its own."""
    return _plan_step(step, types, arrays, ScratchPool(1 << 40))


def _operand(known: TensorType, array: Array, integer: bool) -> Operand:
    """The operand of a step; weights stored in int8 or float16 become float32 where the step computes in float."""
    if known.value is None or integer:
        return Operand(known, array)
    if known.q is not None:
        array = dequantize(array, known.q)
    elif known.dtype == "float16":
        array = array.astype(np.float32)
    else:
        return Operand(known, array)
    return Operand(TensorType("float32", known.shape, None, array), array)


def _view_roots(program: Program, types: Sequence[TensorType]) -> list[int]:
    """For every tensor, the tensor whose bytes it shares: itself, but for the outputs of views."""
    roots = list(range(len(types)))
    for step in program.steps:
        if step.op.view and types[step.inputs[0]].value is None:
            roots[step.outputs[0]] = roots[step.inputs[0]]
    return roots


def _lifetimes(program: Program, types: Sequence[TensorType], roots: Sequence[int]) -> dict[int, Lifetime]:
    """When each buffer is in use: from the step that writes it to the last one that reads it."""
    end = len(program.steps)
    found: dict[int, Lifetime] = {}

    def touch(index: int, moment: int) -> None:
        if index == ABSENT or types[index].value is not None:
            return
        root = roots[index]
        known = found.get(root, Lifetime(types[root].nbytes, moment, moment))
        found[root] = Lifetime(known.nbytes, min(known.first, moment), max(known.last, moment))

    for index in program.inputs:
        touch(index, -1)
    for moment, step in enumerate(program.steps):
        for index in (*step.inputs, *step.outputs):
            touch(index, moment)
    for index in program.outputs:
        touch(index, end)
    return found
