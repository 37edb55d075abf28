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
from edgeconv.quantize.refine.stepper import judging, rows_of
from edgeconv.report.elsewhere import run_models
from edgeconv.runtime import Interpreter

__all__ = ["HeldBack", "Judge"]

_MOST_SAMPLES = 512
_LEAST = 1e-6
"""Of the mean signal, added to that and the noise of every sample: nearly silent ones shall not decide."""


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
        return self.scores(graph)[0]

    def scores(self, graph: Graph) -> tuple[float, float]:
        """SQNR in dB of the worst output: of all samples together, and the mean of what each has.

        In the first a few large errors may decide, and those of other samples otherwise.
        """
        outputs = zip(zip(*self._wanted, strict=True), zip(*self._outputs(graph), strict=True), strict=True)
        found = [_sqnr(wanted, given) for wanted, given in outputs]
        return min((whole for whole, _ in found), default=inf), min((each for _, each in found), default=inf)

    def _outputs(self, graph: Graph) -> list[list[Array]]:
        """Of all batches."""
        batches = (Batch(dict(each), None, rows_of(each), is_whole=True) for each in self._batches)
        models = [Interpreter(to_program(graph))]
        return [found for _, (found,) in run_models(models, batches, self._executor)]


def _sqnr(wanted: Sequence[Array], given: Sequence[Array]) -> tuple[float, float]:
    signal, noise = np.concatenate([_powers(*both) for both in zip(wanted, given, strict=True)], axis=1)
    if not noise.any():
        return inf, inf
    least = max(_LEAST * signal.mean(), 1e-300)
    each = (signal + least) / (noise + least)
    return float(10 * np.log10(max(signal.sum(), 1e-300) / noise.sum())), float(np.mean(10 * np.log10(each)))


def _powers(wanted: Array, given: Array) -> Array:
    """(2, samples): of the signal, and of the error.

    NaN counts as 0, so that NaN in place of a number is noise as large as that.
    """
    exact, found = (np.atleast_1d(np.nan_to_num(each).astype(np.float64)) for each in (wanted, given))
    powers: Array = np.square([exact, exact - found]).sum(axis=tuple(range(2, exact.ndim + 1)))
    return powers
