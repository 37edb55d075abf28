"""The laws of a whole program: everything computed once and before its use, every declared type the inferred one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as to_index
from typing import NoReturn

from edgeconv.core import DTYPES, Dim, Shape, SymbolicDim, TensorType
from edgeconv.errors import InvalidModelError
from edgeconv.ops.base import QuantRule, ShapeError, infer_types
from edgeconv.ops.integer import held_dtype, is_int16
from edgeconv.records import replace
from edgeconv.runtime.layout import MAX_DIM, MAX_ELEMENTS, MAX_RANK, MAX_SYMBOL_TEXT
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor

__all__ = ["INFER_FAILURES", "element_count", "settle"]

INFER_FAILURES = (ShapeError, AttributeError, AssertionError, OverflowError, MemoryError, RuntimeError)
"""What a shape rule may raise on nonsense; infer_types makes a ShapeError of everything else."""


_LONGEST_REASON = 500
"""Characters of another's message; it may quote attributes of thousands of numbers."""


def settle(declared: Program) -> Program:
    """The program with its symbolic dimensions inferred; InvalidModelError where it breaks a law."""
    _check_ends(declared)
    types = [tensor.type for tensor in declared.tensors]
    ready = [tensor.type.value is not None for tensor in declared.tensors]
    for index in declared.inputs:
        ready[index] = True
    for number, step in enumerate(declared.steps):
        what = f"step {number}, {type(step.op).__name__} {step.name!r},"
        _check_order(step, declared.tensors, ready, what)
        _check_types(step, declared.tensors, types, what)
        _check_quantized(step, declared.tensors, what)
    _check_complete(declared, ready)
    tensors = tuple(
        tensor if tensor.type.value is not None else Tensor(tensor.name, TensorType(known.dtype, known.shape, known.q))
        for tensor, known in zip(declared.tensors, types, strict=True)
    )
    settled = replace(declared, tensors=tensors)
    _check_states(settled)
    return settled


def _check_ends(program: Program) -> None:
    """Inputs and outputs exist, have names of their own, and inputs are not constants; activations are int8 or real."""
    for kind, indices in (("input", program.inputs), ("output", program.outputs)):
        names: set[str] = set()
        for index in indices:
            if not 0 <= index < len(program.tensors):
                _refuse(f"an {kind} of the model is tensor {index} of {len(program.tensors)}")
            name = program.tensors[index].name
            if name in names:
                _refuse(f"two {kind}s of the model are called {name!r}")
            names.add(name)
            if kind == "input" and program.tensors[index].type.value is not None:
                _refuse(f"the model's input {name!r} is a constant")
    if not program.outputs:
        _refuse("the model has no outputs")
    for tensor in program.tensors:
        q = tensor.type.q
        is_int = tensor.type.dtype == "int8" or is_int16(tensor.type)
        if q is not None and tensor.type.value is None and (not is_int or q.axis is not None):
            _refuse(f"{tensor.name!r} is a quantized {tensor.type}; what is computed is int8 or int16 with one scale, "
                    "or real")  # fmt: skip
    for index in program.inputs:
        if is_int16(program.tensors[index].type):
            _refuse(f"the model's input {program.tensors[index].name!r} is held in 16 bits; int8 or real ones are")


def _check_states(program: Program) -> None:
    """Each state is an input that comes from an output of the same type, but for the scale."""
    seen: set[int] = set()
    for source, target in program.states:
        if source not in program.inputs or target not in program.outputs:
            _refuse(f"a state goes from tensor {target} to tensor {source}, which are not an output and an input")
        if source in seen:
            _refuse(f"the input {program.tensors[source].name!r} is the state of two outputs")
        seen.add(source)
        have, want = program.tensors[target], program.tensors[source]
        if not _may_follow(have.type, want.type):
            _refuse(f"the state {want.name!r} is {want.type}, but comes from {have.name!r}, which is {have.type}")


def _may_follow(have: TensorType, want: TensorType) -> bool:
    same = (have.dtype, have.q is None) == (want.dtype, want.q is None)
    through_float = all(known.dtype == "float32" or known.q is not None for known in (have, want))
    return (same or through_float) and have.value is None and _matches(want.shape, have.shape)


def element_count(shape: Sequence[Dim]) -> int:
    """Elements of the known dimensions, empty ones counted as one."""
    count = 1
    for dim in shape:
        count *= max(dim, 1) if isinstance(dim, int) else 1
    return count


def _check_order(step: Step, tensors: Sequence[Tensor], ready: list[bool], what: str) -> None:
    """Inputs are there already, outputs are not; marks the outputs as ready."""
    for index in step.inputs:
        if index != ABSENT and not 0 <= index < len(tensors):
            _refuse(f"{what} reads tensor {index} of {len(tensors)}")
        if index != ABSENT and not ready[index]:
            _refuse(f"{what} reads {tensors[index].name!r} before it is computed")
    for index in step.outputs:
        if index != ABSENT and not 0 <= index < len(tensors):
            _refuse(f"{what} writes tensor {index} of {len(tensors)}")
        if index != ABSENT and ready[index]:
            _refuse(f"{what} writes {tensors[index].name!r}, which is an input, a constant, or computed already")
        if index != ABSENT:
            ready[index] = True
    if all(index == ABSENT for index in step.outputs):
        _refuse(f"{what} has no output")


def _check_types(step: Step, tensors: Sequence[Tensor], types: list[TensorType], what: str) -> None:
    """The operator accepts its inputs, and gives what the file declares; `types` gets what is inferred."""
    inputs = [None if index == ABSENT else types[index] for index in step.inputs]
    try:
        inferred = infer_types(step.op, inputs)
    except INFER_FAILURES as error:
        reason = str(error)[:_LONGEST_REASON]
        raise InvalidModelError(f"{what} is not possible: {reason}; convert the model again") from error
    if len(inferred) != len(step.outputs):
        _refuse(f"{what} has {len(step.outputs)} outputs, the operator gives {len(inferred)}")
    for index, found in zip(step.outputs, inferred, strict=True):
        if index == ABSENT:
            continue
        declared = types[index]
        shape = _sound_shape(found, what)
        dtype = held_dtype(step.op, found, declared)
        if dtype != declared.dtype or not _matches(declared.shape, shape):
            _refuse(f"{what} gives {found} as {tensors[index].name!r}, the file declares {declared}")
        types[index] = TensorType(dtype, shape, declared.q, found.value)


def _check_quantized(step: Step, tensors: Sequence[Tensor], what: str) -> None:
    """A step on quantized values is so throughout: int8 activations and the weight have scales, no output is float."""
    rule = step.op.quant
    read = [(position, tensors[index]) for position, index in enumerate(step.inputs) if index != ABSENT]
    scaled = [(position, tensor) for position, tensor in read if tensor.type.q and tensor.type.value is not None]
    for position, tensor in scaled:
        if not _may_have_scale(rule, position, tensor.type):
            _refuse(f"{what} reads {tensor.name!r} as it is, which has a scale")
    indices = [index for index in (*step.inputs, *step.outputs) if index != ABSENT]
    activations = [tensors[index] for index in indices if tensors[index].type.value is None]
    is_float = all(tensor.type.q is None for tensor in activations)
    for tensor in activations:
        if tensor.type.dtype == "int8" and tensor.type.q is None and (scaled or not is_float):
            _refuse(f"{what} computes with scales, yet {tensor.name!r} has none")
        if is_int16(tensor.type) and not step.op.int16:
            _refuse(f"{what} cannot compute with {tensor.name!r}, which is held in 16 bits")
    if rule is None or is_float:
        return
    for index in step.outputs:
        if index != ABSENT and tensors[index].type.is_float:
            _refuse(f"{what} reads int8, yet gives {tensors[index].name!r} in float")
    if rule.weight is not None:
        q = tensors[step.inputs[rule.weight]].type.q
        if q is None:
            _refuse(f"{what} computes with scales, yet its weight has none")
        if q.axis not in (None, rule.weight_axis):
            _refuse(f"{what} has a weight with scales along axis {q.axis}, not {rule.weight_axis}")


def _may_have_scale(rule: QuantRule | None, position: int, known: TensorType) -> bool:
    """Can this input be a constant of whole numbers that stand for real ones?"""
    if rule is None or known.dtype == "int32":
        return rule is not None and rule.bias == position
    if rule.activations is None:
        return True
    return position in (*rule.activations, rule.weight, rule.bias, *(at for at, _ in rule.weight_only))


def _sound_shape(found: TensorType, what: str) -> Shape:
    """The inferred shape, within the limits that keep later arithmetic small."""
    if found.rank > MAX_RANK:
        _refuse(f"{what} gives {found.rank} dimensions, at most {MAX_RANK} are possible")
    if found.dtype not in DTYPES:
        _refuse(f"{what} gives values of type {found.dtype}")
    shape = tuple(_sound_dim(dim, what) for dim in found.shape)
    if element_count(shape) > MAX_ELEMENTS:
        _refuse(f"{what} gives more elements than any memory holds")
    return shape


def _sound_dim(dim: Dim, what: str) -> Dim:
    if isinstance(dim, SymbolicDim):
        if not _is_short(dim):
            _refuse(f"{what} gives a dimension too long to write down")
        return dim
    size = to_index(dim)
    if not 0 <= size <= MAX_DIM:
        _refuse(f"{what} gives a dimension of {'less than 0' if size < 0 else 'more than 2**31 - 1'}")
    return size


def _is_short(dim: SymbolicDim) -> bool:
    try:
        return len(str(dim)) <= MAX_SYMBOL_TEXT
    except RecursionError:
        return False


def _matches(declared: Shape, found: Shape) -> bool:
    """A dimension declared as symbolic may be anything: inference may know more than when the file was written."""
    return len(declared) == len(found) and all(
        isinstance(want, SymbolicDim) or want == have for want, have in zip(declared, found, strict=True)
    )


def _check_complete(program: Program, ready: Sequence[bool]) -> None:
    for tensor, done in zip(program.tensors, ready, strict=True):
        if not done:
            _refuse(f"nothing computes the tensor {tensor.name!r}")


def _refuse(what: str) -> NoReturn:
    raise InvalidModelError(f"{what}; convert the model again")
