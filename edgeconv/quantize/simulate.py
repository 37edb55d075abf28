"""Simulation: the float network with activations rounded to int8 on the way, open to a change of one tensor at a time.

Searches ask it what one range, or one tensor left unrounded, does to the network's output; only what depends on the
tensor is computed again. Weights stay float: refinements deal with them afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import plan_alone, resolve_types
from edgeconv.runtime.program import ABSENT, Step

__all__ = ["Simulation", "noise_of", "rounded"]


class Simulation:
    """`graph` on one batch, with the values in `qparams` rounded. Memory: all its activations at once."""

    def __init__(self, graph: Graph, feeds: Mapping[str, Array], qparams: Mapping[str, QParams]) -> None:
        self._program = to_program(graph)
        arrays = prepare_inputs(self._program, feeds)
        shapes = {index: array.shape for index, array in zip(self._program.inputs, arrays, strict=True)}
        self._types = resolve_types(self._program, shapes)
        self._index = {tensor.name: index for index, tensor in enumerate(self._program.tensors)}
        self._exact = dict(zip(self._program.inputs, arrays, strict=True))
        self._values: dict[int, Array] = {}
        self._steps = [step for step in self._program.steps if any(map(self._is_computed, step.outputs))]
        self._qparams: dict[int, QParams] = {}
        for index in self._program.inputs:
            self._values[index] = self._exact[index]
        self._run(self._steps, self._values)
        self.wanted = [self._values[index].astype(np.float64) for index in self._program.outputs]
        self._qparams = {self._index[name]: q for name, q in qparams.items() if name in self._index}
        for index in self._program.inputs:
            self._values[index] = self._settled(index, self._exact[index])
        self._run(self._steps, self._values)
        self.noise = self._noise(self._values)

    @property
    def nbytes(self) -> int:
        """Bytes of all activations."""
        return sum(array.nbytes for array in self._values.values())

    def noise_with(self, changed: Mapping[str, QParams | None]) -> float:
        """Mean squared error of the outputs when values have other parameters (None: are not rounded)."""
        return self._noise(self._changed(self._indices(changed)))

    def keep(self, changed: Mapping[str, QParams | None]) -> None:
        """Make a change for good."""
        indices = self._indices(changed)
        self._values.update(self._changed(indices))
        self._qparams = _with(self._qparams, indices)
        self.noise = self._noise(self._values)

    def _indices(self, changed: Mapping[str, QParams | None]) -> dict[int, QParams | None]:
        return {self._index[name]: q for name, q in changed.items() if name in self._index}

    def _changed(self, changed: Mapping[int, QParams | None]) -> dict[int, Array]:
        """The values that differ from the present ones."""
        before, self._qparams = self._qparams, _with(self._qparams, changed)
        fresh: dict[int, Array] = {
            index: self._settled(index, self._exact[index]) for index in changed if index in self._program.inputs
        }
        for step in self._steps:
            if not changed.keys().isdisjoint(step.outputs) or not fresh.keys().isdisjoint(step.inputs):
                self._run([step], fresh)
        self._qparams = before
        return fresh

    def _run(self, steps: list[Step], values: dict[int, Array]) -> None:
        """Run steps, reading from `values` first; their outputs go there, rounded."""
        for step in steps:
            arrays = {index: self._array(index, values) for index in step.inputs if index != ABSENT}
            computed = [index for index in step.outputs if self._is_computed(index)]
            arrays.update((index, np.empty(self._types[index].ints, self._types[index].dtype)) for index in computed)
            plan_alone(step, self._types, arrays)()
            values.update((index, self._settled(index, arrays[index])) for index in computed)

    def _array(self, index: int, values: Mapping[int, Array]) -> Array:
        known = self._types[index].value
        if known is not None:
            return known
        return values[index] if index in values else self._values[index]

    def _is_computed(self, index: int) -> bool:
        return index != ABSENT and self._types[index].value is None

    def _settled(self, index: int, value: Array) -> Array:
        q = self._qparams.get(index)
        return value if q is None else rounded(value, q)

    def _noise(self, values: Mapping[int, Array]) -> float:
        return noise_of(self.wanted, [self._array(index, values) for index in self._program.outputs])


def noise_of(wanted: Sequence[Array], given: Sequence[Array]) -> float:
    """Noise of all outputs, each relative to its own signal: the mean of noise / signal.

    What all samples have in common does not count: corrected biases take it away.
    """
    pairs = ((np.nan_to_num(exact), np.nan_to_num(found)) for exact, found in zip(wanted, given, strict=True))
    shares = [
        _power(_centred(np.asarray(found, np.float64) - exact)) / max(_power(exact), 1e-30) for exact, found in pairs
    ]
    return float(np.mean(shares)) if shares else 0.0


def rounded(x: Array, q: QParams) -> Array:
    """x as int8 would hold it, in real units."""
    scale, zero_point = np.float32(q.scale[0]), np.float32(q.zero_point[0])
    y = np.asarray(np.rint(x / scale))
    np.clip(y, -128 - zero_point, 127 - zero_point, out=y)
    y *= scale
    return y


def _with(qparams: Mapping[int, QParams], changed: Mapping[int, QParams | None]) -> dict[int, QParams]:
    together = {**qparams, **changed}
    return {index: q for index, q in together.items() if q is not None}


def _centred(error: Array) -> Array:
    """Without the mean over the batch, where there is one."""
    return error - error.mean(axis=0) if error.ndim > 1 and len(error) > 3 else error


def _power(x: Array) -> float:
    values = x.astype(np.float64).reshape(-1)
    return float(np.dot(values, values))
