"""Judge: how well a quantized network reproduces the float one, on samples that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from math import inf

import numpy as np

from edgeconv.core import Array
from edgeconv.data import Batch
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.refine.stepper import judging
from edgeconv.report.elsewhere import run_models
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
        seen, fitted = 0, sum(map(rows_of, self._few))
        for batch in self._samples:
            if seen >= fitted:
                yield batch
            seen += rows_of(batch)
            if seen >= fitted + _MOST_SAMPLES:
                return


def rows_of(batch: Mapping[str, Array]) -> int:
    """Samples in a batch."""
    first = next(iter(batch.values()), None)
    return 1 if first is None or not first.ndim else first.shape[0]


class Judge:
    """Holds the float network's outputs for `batches`, which may be iterated again; `samples` is their number.

    `executor` runs batches in its workers.
    """

    def __init__(self, graph: Graph, batches: Iterable[Mapping[str, Array]], executor: Executor | None = None) -> None:
        self._batches, self._executor = batches, executor
        self._wanted = self._outputs(graph)
        self.samples = sum(map(rows_of, batches))

    def sqnr(self, graph: Graph) -> float:
        """SQNR in dB of the worst output of `graph`, infinite for equal ones."""
        found = self._outputs(graph)
        scores = [
            _sqnr(wanted, given)
            for wanted, given in zip(zip(*self._wanted, strict=True), zip(*found, strict=True), strict=True)
        ]
        return min(scores, default=inf)

    def _outputs(self, graph: Graph) -> list[list[Array]]:
        """Of all batches."""
        batches = (Batch(dict(each), None, rows_of(each), is_whole=True) for each in self._batches)
        models = [Interpreter(to_program(graph))]
        return [found for _, (found,) in run_models(models, batches, self._executor)]


def _sqnr(wanted: Sequence[Array], given: Sequence[Array]) -> float:
    """NaN counts as 0, so that NaN in place of a number is noise as large as that."""
    signal = noise = 0.0
    for arrays in zip(wanted, given, strict=True):
        exact, found = (np.nan_to_num(each).astype(np.float64).reshape(-1) for each in arrays)
        error = exact - found
        signal, noise = signal + float(np.dot(exact, exact)), noise + float(np.dot(error, error))
    return decibels_of(signal, noise)
