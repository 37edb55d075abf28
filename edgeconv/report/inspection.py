"""Inspection: what is in a model, operator by operator, as plain frozen data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgeconv.core import TensorType
from edgeconv.errors import EdgeconvError
from edgeconv.ops.base import Inputs
from edgeconv.report.conversion import FloatNode, PassEffect
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.planner import activation_bytes, resolve_types
from edgeconv.runtime.program import ABSENT, Step, every_program, programs_of
from edgeconv.runtime.store import Memory

__all__ = [
    "FLOAT_REASONS",
    "Inspection",
    "OperatorFacts",
    "TensorFacts",
    "activations_at_batch_one",
    "float_nodes",
    "inexact_steps",
    "inspect_program",
    "precision_of",
]

FLOAT_REASONS = "float.reasons"
"""Metadata key: JSON, reason -> names of the outputs whose operators stayed in float for it."""


@dataclass(frozen=True)
class TensorFacts:
    """One tensor. `scale`, `zero_point`: its quantization parameters, of each channel along `axis`; empty for none."""

    name: str
    dtype: str
    shape: str
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int | None = None


@dataclass(frozen=True)
class OperatorFacts:
    """One operator; parameters, and bytes of its constants (of shared ones, where they are first used).

    `macs`: multiply-accumulate operations at batch 1, None where they depend on dimensions not known.
    """

    name: str
    operator: str
    attributes: str
    outputs: tuple[TensorFacts, ...]
    weights: tuple[TensorFacts, ...]
    parameters: int
    macs: int | None
    bytes: int
    is_float: bool


@dataclass(frozen=True)
class Inspection:
    """A model. `activation_bytes`: the most that activations as the file declares them take at batch 1; `memory`: what
    an interpreter takes, for each of its settings ("fast", "small").

    `inexact`: float operators whose last bits may differ between devices; without any, the file is bit-exact
    everywhere. `states`: (input, the output that it is in the next call). `operators_before`, `passes`: for a model
    that is not converted yet.
    """

    name: str
    precision: str
    bytes: int | None
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    operators: tuple[OperatorFacts, ...]
    activation_bytes: int | None
    memory: Mapping[str, Memory]
    float_nodes: tuple[FloatNode, ...]
    inexact: tuple[str, ...]
    operators_before: int | None = None
    passes: tuple[PassEffect, ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Of all operators."""
        return sum(operator.parameters for operator in self.operators)

    @property
    def macs(self) -> int | None:
        """Of all operators at batch 1, None where that is not known."""
        counts = [operator.macs for operator in self.operators if operator.macs is not None]
        return sum(counts) if len(counts) == len(self.operators) else None


def inspect_program(
    program: Program,
    name: str,
    nbytes: int | None,
    *,
    operators_before: int | None = None,
    passes: tuple[PassEffect, ...] = (),
) -> Inspection:
    """Everything that `program` tells of itself."""
    types = _types_at_batch_one(program)
    memory = {} if types is None else _memory(program)
    seen: set[int] = set()
    tensors = program.tensors
    return Inspection(
        name=name,
        precision=precision_of(program),
        bytes=nbytes,
        inputs=tuple(_tensor(tensors[index].name, tensors[index].type) for index in program.inputs),
        outputs=tuple(_tensor(tensors[index].name, tensors[index].type) for index in program.outputs),
        operators=tuple(_operator(program, step, types, seen) for step in program.steps),
        activation_bytes=memory["small"].arena if memory else None,
        memory=memory,
        float_nodes=float_nodes(program),
        inexact=inexact_steps(program),
        operators_before=operators_before,
        passes=passes,
        states=tuple((tensors[source].name, tensors[target].name) for source, target in program.states),
        metadata=program.metadata,
    )


def precision_of(program: Program) -> str:
    """ "int8" when activations are, "w8" or "fp16" when weights alone are stored so, else "fp32"."""
    quantized = [tensor for tensor in program.tensors if tensor.type.q is not None]
    if any(tensor.data is None for tensor in quantized):
        return "int8"
    given = program.metadata.get("options.precision", "")
    if quantized or given == "w8":
        return "w8"
    return "fp16" if any(tensor.type.dtype == "float16" for tensor in program.tensors) else "fp32"


def float_nodes(program: Program) -> tuple[FloatNode, ...]:
    """The operators of an int8 program that compute in float, with the reason where the file gives it."""
    if precision_of(program) in ("fp32", "fp16") or program.metadata.get("options.precision") == "w8":
        return ()
    reasons = _reasons(program.metadata.get(FLOAT_REASONS, "{}"))
    return tuple(
        FloatNode(step.name, type(step.op).__name__, reasons.get(_output(program, step), "no reason is recorded"))
        for step in program.steps
        if is_float_step(program, step)
    )


def inexact_steps(program: Program) -> tuple[str, ...]:
    """Names of the float operators whose last bits may differ between devices."""
    return tuple(step.name for step in program.steps if is_float_step(program, step) and not _moves(step))


def is_float_step(program: Program, step: Step) -> bool:
    """True for an operator that computes real values in floating point; Dequantize only converts."""
    known = [program.tensors[index].type for index in step.outputs if index != ABSENT]
    return type(step.op).__name__ != "Dequantize" and any(each.is_float for each in known)


def _moves(step: Step) -> bool:
    """True for data movement, which is exact in any dtype."""
    return step.op.view or (step.op.quant is not None and step.op.quant.shared)


def _output(program: Program, step: Step) -> str:
    return next((program.tensors[index].name for index in step.outputs if index != ABSENT), "")


def _reasons(text: str) -> dict[str, str]:
    """Output name -> reason; whatever a file may hold there, no exception."""
    try:
        found = json.loads(text)
        return {name: reason for reason, names in found.items() for name in names}
    except (ValueError, AttributeError, TypeError):
        return {}


def _shapes_at_batch_one(program: Program) -> dict[int, tuple[int, ...]] | None:
    shapes = {}
    for index in program.inputs:
        known = program.tensors[index].type
        shape = tuple(1 if axis == 0 and not isinstance(dim, int) else dim for axis, dim in enumerate(known.shape))
        shapes[index] = tuple(dim for dim in shape if isinstance(dim, int))
        if len(shapes[index]) != known.rank:
            return None
    return shapes


def _types_at_batch_one(program: Program) -> Sequence[TensorType] | None:
    shapes = _shapes_at_batch_one(program)
    try:
        return None if shapes is None else resolve_types(program, shapes)
    except EdgeconvError:
        return None


def _memory(program: Program) -> Mapping[str, Memory]:
    """What an interpreter takes at batch 1, by its `memory` setting; nothing where it cannot be planned."""
    try:
        return {setting: Interpreter(program, memory=setting).memory for setting in ("fast", "small")}
    except EdgeconvError:
        return {}


def activations_at_batch_one(program: Program) -> int | None:
    """Bytes of the activations that live at the same time, at batch 1; None where that depends on the input."""
    shapes = _shapes_at_batch_one(program)
    try:
        return None if shapes is None else activation_bytes(program, shapes)
    except (EdgeconvError, ValueError):
        return None


def _tensor(name: str, known: TensorType) -> TensorFacts:
    if known.q is None:
        return TensorFacts(name, known.dtype, known.dims)
    return TensorFacts(name, known.dtype, known.dims, known.q.scale, known.q.zero_point, known.q.axis)


def _operator(program: Program, step: Step, types: Sequence[TensorType] | None, seen: set[int]) -> OperatorFacts:
    constants = [(place, index) for place, index in enumerate(step.inputs) if _is_constant(program, index)]
    fresh = [(place, index) for place, index in constants if index not in seen]
    seen.update(index for _, index in fresh)
    tensors, inner = program.tensors, _constants_inside(step)
    return OperatorFacts(
        name=step.name,
        operator=type(step.op).__name__,
        attributes=str(step.op),
        outputs=tuple(_tensor(tensors[i].name, tensors[i].type) for i in step.outputs if i != ABSENT),
        weights=tuple(_tensor(tensors[i].name, tensors[i].type) for _, i in constants if tensors[i].type.q is not None),
        parameters=sum(tensors[i].type.size for place, i in fresh if _is_parameter(step, place, tensors[i].type))
        + sum(known.size for known in inner if np.dtype(known.dtype).kind == "f" or known.q is not None),
        macs=_macs(step, types),
        bytes=sum(tensors[i].type.nbytes for _, i in fresh) + sum(known.nbytes for known in inner),
        is_float=is_float_step(program, step),
    )


def _constants_inside(step: Step) -> list[TensorType]:
    """The constants of the programs inside an operator."""
    every = [each for inner in programs_of(step.op).values() for each in every_program(inner)]
    return [tensor.type for each in every for tensor in each.tensors if tensor.data is not None]


def _is_constant(program: Program, index: int) -> bool:
    return index != ABSENT and program.tensors[index].data is not None


def _is_parameter(step: Step, place: int, known: TensorType) -> bool:
    """Weights, biases and other trained values; not shapes, indices or tables."""
    rule = step.op.quant
    if rule is not None and place in (rule.weight, rule.bias):
        return True
    return known.q is not None or np.dtype(known.dtype).kind == "f"


def _macs(step: Step, types: Sequence[TensorType] | None) -> int | None:
    if types is None:
        return None
    inputs = Inputs([None if index == ABSENT else types[index] for index in step.inputs])
    try:
        return step.op.macs(inputs, [types[index] for index in step.outputs if index != ABSENT])
    except ValueError:
        return None
