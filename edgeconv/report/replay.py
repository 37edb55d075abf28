"""Replay: a program run step by step, whose values can be read, replaced and computed again.

The interpreter's arena reuses memory, and a kernel may write where its consumer reads; here every value has a place of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from edgeconv.core import Array, TensorType, dequantize, quantize
from edgeconv.runtime.arena import ScratchPool
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import plan_alone, resolve_types
from edgeconv.runtime.program import ABSENT, Program

__all__ = ["Replay"]

_SCRATCH_BYTES = 1 << 40


class Replay:
    """`program` for inputs of the shapes of `feeds`. Memory: all its activations at once."""

    def __init__(self, program: Program, feeds: Mapping[str, Array]) -> None:
        self.program = program
        shapes = [array.shape for array in prepare_inputs(program, feeds)]
        self.types: Sequence[TensorType] = resolve_types(program, dict(zip(program.inputs, shapes, strict=True)))
        self.arrays = {index: _place(known) for index, known in enumerate(self.types) if _is_held(known)}
        pool = ScratchPool(_SCRATCH_BYTES)
        self._kernels = [
            plan_alone(step, self.types, self.arrays, pool) if self._computes(number) else None
            for number, step in enumerate(program.steps)
        ]

    def feed(self, feeds: Mapping[str, Array]) -> None:
        """Take the inputs, quantized where the program wants that."""
        for index, array in zip(self.program.inputs, prepare_inputs(self.program, feeds), strict=True):
            if array.dtype.name == self.types[index].dtype:
                np.copyto(self.arrays[index], array)
            else:
                self.set_real(index, array)

    def run(self, after: Callable[[int], None] | None = None) -> None:
        """All steps in order; `after` gets the number of each as soon as it has run."""
        for number, kernel in enumerate(self._kernels):
            if kernel is not None:
                kernel()
            if after is not None:
                after(number)

    def run_between(self, start: int, stop: int) -> int:
        """The steps from number `start` to before `stop`; returns where the next ones begin."""
        for kernel in self._kernels[start:stop]:
            if kernel is not None:
                kernel()
        return max(start, stop)

    def rerun(self, changed: Iterable[int]) -> set[int]:
        """Compute again what depends on the tensors `changed`; returns these and all that they changed."""
        dirty = set(changed)
        for step, kernel in zip(self.program.steps, self._kernels, strict=True):
            if kernel is not None and not dirty.isdisjoint(step.inputs):
                kernel()
                dirty.update(index for index in step.outputs if index != ABSENT)
        return dirty

    def is_real(self, index: int) -> bool:
        """True for a tensor that holds real numbers, as they are or quantized."""
        return self.types[index].is_float or self.types[index].q is not None

    def real(self, index: int) -> Array:
        """The values of a tensor as real numbers."""
        q = self.types[index].q
        return self.arrays[index] if q is None else dequantize(self.arrays[index], q)

    def set_real(self, index: int, values: Array) -> None:
        """Replace the values of a tensor, given as real numbers, rounded to what it can hold."""
        known = self.types[index]
        np.copyto(self.arrays[index], values if known.q is None else quantize(values, known.q, known.dtype))

    def _computes(self, number: int) -> bool:
        outputs = [index for index in self.program.steps[number].outputs if index != ABSENT]
        return any(self.types[index].value is None for index in outputs)


def _is_held(known: TensorType) -> bool:
    return known.value is not None or known.is_static


def _place(known: TensorType) -> Array:
    return np.empty(known.ints, known.dtype) if known.value is None else known.value
