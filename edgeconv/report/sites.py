"""Where two programs can be compared: the values that both have under one name, which are the user's ONNX names."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeconv.core import TensorType
from edgeconv.ops.quantize import Dequantize, Quantize
from edgeconv.quantize.refine.equalize import RESCALED
from edgeconv.runtime.program import ABSENT, Program, Step

__all__ = ["INPUT", "Site", "find_sites", "rescaled_values", "sites_by_step", "unmatched_steps"]

INPUT = -1
"""The step of a site that is an input of the program."""


@dataclass(frozen=True)
class Site:
    """One value of the candidate and the reference's of the same name, by tensor index.

    `step`: the candidate's step that computes it, or INPUT. `moves`: data is only moved there, or converted, so that
    no error is made; `is_layer`: an error is made there, and it is the first such value of its step.
    """

    value: str
    step: int
    candidate: int
    reference: int
    moves: bool
    is_layer: bool


def find_sites(reference: Program, candidate: Program) -> list[Site]:
    """The activations that both programs have under the same name with as many dimensions, in order of execution."""
    known = {reference.tensors[index].name: index for index in _activations(reference)}
    found = []
    for index, number in _activations(candidate).items():
        tensor = candidate.tensors[index]
        other = known.get(tensor.name)
        if other is not None and _fit(tensor.type, reference.tensors[other].type):
            moves = number != INPUT and _only_moves(candidate.steps[number])
            is_layer = not moves and _is_first(candidate, number, index)
            found.append(Site(tensor.name, number, index, other, moves, is_layer))
    return found


def sites_by_step(sites: Iterable[Site]) -> Mapping[int, list[Site]]:
    """The sites of every step of the candidate; none for other steps."""
    found: dict[int, list[Site]] = defaultdict(list)
    for site in sites:
        found[site.step].append(site)
    return found


def unmatched_steps(candidate: Program, sites: Sequence[Site]) -> tuple[str, ...]:
    """Names of the candidate's operators whose results the reference does not have."""
    matched = {site.step for site in sites}
    return tuple(
        step.name or candidate.tensors[step.outputs[0]].name
        for number, step in enumerate(candidate.steps)
        if number not in matched and not _only_moves(step)
    )


def rescaled_values(*programs: Program) -> frozenset[str]:
    """Values whose channels conversion has scaled, in any of the programs; whatever a file may say, no exception."""
    names: set[str] = set()
    for program in programs:
        names.update(_names(program.metadata.get(RESCALED, "[]")))
    return frozenset(names)


def _names(text: str) -> list[str]:
    """The strings in a JSON list; none for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _activations(program: Program) -> dict[int, int]:
    """Tensor index -> the step that computes it, for inputs and outputs of steps that are real numbers."""
    found = dict.fromkeys(program.inputs, INPUT)
    for number, step in enumerate(program.steps):
        found.update((index, number) for index in step.outputs if index != ABSENT)
    return {index: number for index, number in found.items() if _is_real(program.tensors[index].type)}


def _is_real(known: TensorType) -> bool:
    return known.value is None and (known.is_float or known.q is not None)


def _fit(a: TensorType, b: TensorType) -> bool:
    """True unless the types say that the values have different shapes."""
    return a.rank == b.rank and all(
        x == y or not (isinstance(x, int) and isinstance(y, int)) for x, y in zip(a.shape, b.shape, strict=True)
    )


def _is_first(program: Program, number: int, index: int) -> bool:
    """True for the first output of a step, and for a quantized input."""
    if number == INPUT:
        return program.tensors[index].type.q is not None
    return index == next(i for i in program.steps[number].outputs if i != ABSENT)


def _only_moves(step: Step) -> bool:
    """True for data movement, and for conversions, whose error counts with the operator that reads them."""
    rule = step.op.quant
    return step.op.view or isinstance(step.op, (Quantize, Dequantize)) or (rule is not None and rule.shared)
