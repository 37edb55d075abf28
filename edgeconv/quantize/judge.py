"""Judge: how well a quantized network reproduces the float one, on samples that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf

import numpy as np

from edgeconv.core import Array
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.refine.stepper import judging
from edgeconv.report.record import decibels_of
from edgeconv.runtime import Interpreter

__all__ = ["HeldBack", "Judge"]

_MOST_SAMPLES = 512


class HeldBack:
    """The samples that nothing was fitted to: those of `few` that are held back, and what follows `few` in `samples`.

    Can be iterated several times; at most 512 samples beyond those of `few`.
    """

    def __init__(self, few: Sequence[Mapping[str, Array]], samples: Iterable[Mapping[str, Array]]) -> None:
        self._few, self._samples = few, samples

    def __iter__(self) -> Iterator[Mapping[str, Array]]:
        yield from judging(self._few)
        taken = 0
        for batch in islice(self._samples, len(self._few), None):
            yield batch
            taken += rows_of(batch)
            if taken >= _MOST_SAMPLES:
                return


def rows_of(batch: Mapping[str, Array]) -> int:
    """Samples in a batch."""
    first = next(iter(batch.values()), None)
    return 1 if first is None or not first.ndim else first.shape[0]


class Judge:
    """Holds the float network's outputs for `batches`, which may be iterated again; `samples` is their number."""

    def __init__(self, graph: Graph, batches: Iterable[Mapping[str, Array]]) -> None:
        self._batches = batches
        self._wanted: list[list[Array]] = []
        self.samples = 0
        interpreter = Interpreter(to_program(graph))
        for batch in batches:
            self._wanted.append(interpreter.run(None, batch))
            self.samples += rows_of(batch)

    def sqnr(self, graph: Graph) -> float:
        """SQNR in dB of the worst output of `graph`, infinite for equal ones."""
        interpreter = Interpreter(to_program(graph))
        found = [interpreter.run(None, batch) for batch in self._batches]
        scores = [
            _sqnr(wanted, given)
            for wanted, given in zip(zip(*self._wanted, strict=True), zip(*found, strict=True), strict=True)
        ]
        return min(scores, default=inf)


def _sqnr(wanted: Sequence[Array], given: Sequence[Array]) -> float:
    signal = sum(_power(a) for a in wanted)
    noise = sum(_power(np.asarray(a, np.float64) - b) for a, b in zip(wanted, given, strict=True))
    return decibels_of(signal, noise)


def _power(x: Array) -> float:
    values = np.nan_to_num(x.astype(np.float64)).reshape(-1)
    return float(np.dot(values, values))
