"""Stepper: a program run one step at a time, every value kept until its last reader, constants open to change.

Refinements walk the float and the int8 program side by side with it. Memory is that of the live values of one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np

from edgeconv.core import Array, SymbolicDim, TensorType, quantize
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.parallel import worker_count
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import activation_bytes, plan_alone, resolve_types
from edgeconv.runtime.program import ABSENT, Step

__all__ = ["Stepper", "few_batches", "first_rows", "fitting", "held_back", "judging", "rows_of"]

_SAMPLES = 128
_BYTES = 1 << 28
_PARTS = 4


class Stepper:
    """Runs the steps of `graph` on one batch, in order."""

    def __init__(self, graph: Graph, feeds: Mapping[str, Array]) -> None:
        self.program = to_program(graph)
        arrays = [
            quantize(array, q) if (q := self.program.tensors[index].type.q) and array.dtype.kind == "f" else array
            for index, array in zip(self.program.inputs, prepare_inputs(self.program, feeds), strict=True)
        ]
        shapes = {index: array.shape for index, array in zip(self.program.inputs, arrays, strict=True)}
        self._types = resolve_types(self.program, shapes)
        self._index = {tensor.name: index for index, tensor in enumerate(self.program.tensors)}
        self._values: dict[int, Array] = dict(zip(self.program.inputs, arrays, strict=True))
        self._last = {index: at for at, step in enumerate(self.program.steps) for index in step.inputs}
        self._next = 0
        self.workers = worker_count(activation_bytes(self.program, shapes))

    @property
    def pending(self) -> Step | None:
        """The step that runs next, None at the end."""
        return self.program.steps[self._next] if self._next < len(self.program.steps) else None

    def value(self, name: str) -> Array:
        """A constant, or an activation that is still alive."""
        index = self._index[name]
        known = self._types[index].value
        return self._values[index] if known is None else known

    def advance_to(self, name: str) -> None:
        """Run until the step that computes `name` is next."""
        index = self._index[name]
        while self.pending is not None and index not in self.pending.outputs:
            self.advance()

    def set_constant(self, name: str, known: TensorType) -> None:
        """Another value (and scale) of the same shape for a constant, from the next step on."""
        self._types[self._index[name]] = known

    def advance(self) -> None:
        """Run the next step, and forget what nobody reads any more."""
        step = self.program.steps[self._next]
        arrays = {i: self._array(i) for i in step.inputs if i != ABSENT}
        for index in step.outputs:
            if index != ABSENT and self._types[index].value is None:
                known = self._types[index]
                arrays[index] = self._values[index] = np.empty(known.ints, known.dtype)
        if any(index in self._values for index in step.outputs):
            plan_alone(step, self._types, arrays)()
        for index in set(step.inputs):
            if self._last.get(index) == self._next:
                self._values.pop(index, None)
        self._next += 1

    def _array(self, index: int) -> Array:
        known = self._types[index].value
        return self._values[index] if known is None else known


def few_batches(graph: Graph, samples: Iterable[Mapping[str, Array]]) -> list[Mapping[str, Array]]:
    """The first calibration batches: up to 128 samples, fewer where their activations would take over 256 MB."""
    found: list[Mapping[str, Array]] = []
    taken, program = 0, to_program(graph)
    for batch in samples:
        arrays = prepare_inputs(program, batch)
        found.append(batch)
        taken += arrays[0].shape[0] if arrays and arrays[0].ndim else 1
        live = activation_bytes(program, {i: a.shape for i, a in zip(program.inputs, arrays, strict=True)})
        if taken >= _SAMPLES or live * (len(found) + 1) > _BYTES:
            break
    is_free = all(_is_open(graph.types[name]) for name in graph.inputs)
    return _parted(found) if is_free and all(len(set(map(len, batch.values()))) == 1 for batch in found) else found


def first_rows(graph: Graph, batch: Mapping[str, Array], count: int) -> Mapping[str, Array]:
    """The first rows of a batch, where the model takes any number of them; else all."""
    is_free = all(_is_open(graph.types[name]) for name in graph.inputs)
    return {name: array[:count] for name, array in batch.items()} if is_free else batch


def _parted(batches: list[Mapping[str, Array]]) -> list[Mapping[str, Array]]:
    """With a batch cut in two where no number of whole ones is about a quarter of the samples; a single one in four."""
    total, held = (sum(map(rows_of, each)) for each in (batches, judging(batches)))
    quarter = total // _PARTS
    if not quarter or (len(batches) > 1 and (held == quarter or total <= 6 * held <= 2 * total)):
        return batches
    if len(batches) == 1:
        return _cut(batches[0], _PARTS)
    fitted = total - quarter
    place, end = next((place, end) for place, end in enumerate(accumulate(map(rows_of, batches))) if end > fitted)
    return [*batches[:place], *_cut(batches[place], [rows_of(batches[place]) - end + fitted]), *batches[place + 1 :]]


def _cut(batch: Mapping[str, Array], places: int | list[int]) -> list[Mapping[str, Array]]:
    """In so many parts, or in front of these rows."""
    parts = zip(*(np.array_split(array, places) for array in batch.values()), strict=True)
    return [dict(zip(batch, part, strict=True)) for part in parts]


def _is_open(known: TensorType) -> bool:
    return known.rank > 0 and isinstance(known.shape[0], SymbolicDim)


def rows_of(batch: Mapping[str, Array]) -> int:
    """Samples in a batch."""
    first = next(iter(batch.values()), None)
    return 1 if first is None or not first.ndim else first.shape[0]


def held_back(batches: Sequence[Mapping[str, Array]]) -> int:
    """How many of the last batches only judge: those that come nearest to a quarter of the samples.

    None where there is a single one, which fits and judges.
    """
    held = list(accumulate(map(rows_of, reversed(batches))))
    return 1 + min(range(len(held) - 1), key=lambda last: abs(_PARTS * held[last] - held[-1])) if len(held) > 1 else 0


def fitting(few: Sequence[Mapping[str, Array]]) -> Sequence[Mapping[str, Array]]:
    """The batches that refinements are fitted to."""
    return few[: len(few) - held_back(few)]


def judging(few: Sequence[Mapping[str, Array]]) -> Sequence[Mapping[str, Array]]:
    """The batches that only judge; all where there is only one."""
    return few[len(few) - held_back(few) :] if held_back(few) else few
