"""The highest effort: several ways to quantize the whole network, the best on held-back calibration samples taken.

No equalization, or with exponents .25 and .5; GPTQ rounding with and without the least-squares fit; then, on the best
of these, ranges searched on the network's output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from edgeconv.core import Array
from edgeconv.graph import Graph
from edgeconv.quantize.assign import scale_roots
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.judge import HeldBack, Judge
from edgeconv.quantize.pipeline import Prepared, Progress, Quantized, equalized_forms, prepare, refine
from edgeconv.quantize.refine.range_search import search_ranges
from edgeconv.quantize.refine.stepper import few_batches, fitting
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import RefinementRecord, Trial

__all__ = ["quantize_best"]

_LAYER_STEPS = (("bias", "gptq", "fit"), ("bias", "gptq"))


def quantize_best(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    config: QuantConfig,
    progress: Progress | None = None,
) -> Quantized:
    """Try everything that the time allows; what scores best on held-back samples is returned."""
    few = few_batches(graph, samples)
    search = _Search(Judge(graph, HeldBack(few, samples)), few, config, TimeBudget(config.time_budget), progress)
    for exponent, equal in equalized_forms(graph, few, config):
        if search.is_over:
            break
        name = f"equalization {exponent:g}" if exponent else "no equalization"
        prepared = prepare(equal, samples, config, None if search.tried else progress)
        for steps in _LAYER_STEPS:
            search.attempt(f"{name}, {'with' if 'fit' in steps else 'without'} fit", prepared, steps)
    if "ranges" in config.steps:
        search.attempt_ranges()
    return search.result()


@dataclass(frozen=True)
class _Attempt:
    """One way that was tried, with its score in dB."""

    name: str
    score: float
    prepared: Prepared
    steps: tuple[str, ...]
    graph: Graph
    record: RefinementRecord


class _Search:
    def __init__(
        self,
        judge: Judge,
        few: Sequence[Mapping[str, Array]],
        config: QuantConfig,
        budget: TimeBudget,
        progress: Progress | None,
    ) -> None:
        self._judge, self._few, self._config, self._budget = judge, few, config, budget
        self._progress, self.stopped = progress, ""
        self.tried: list[_Attempt] = []

    @property
    def is_over(self) -> bool:
        """No time is left for another attempt; the first is always made."""
        if self.tried and self._budget.is_spent and not self.stopped:
            self.stopped = f"the time budget of {self._budget.seconds:g} s was spent after {len(self.tried)} attempts"
        return bool(self.stopped)

    @property
    def best(self) -> _Attempt:
        """The attempt with the highest score, the earliest of equal ones."""
        return max(self.tried, key=lambda attempt: attempt.score)

    def attempt(self, name: str, prepared: Prepared, steps: tuple[str, ...]) -> None:
        """Refine in one way, and judge."""
        if self.is_over:
            return
        told = None if self._progress is None else partial(_renamed, self._progress, f"try {len(self.tried) + 1}")
        graph, record = refine(prepared, self._few, steps, self._config.effort, self._budget, told)
        self.stopped = record.stopped
        self.tried.append(_Attempt(name, self._judge.sqnr(graph), prepared, steps, graph, record))

    def attempt_ranges(self) -> None:
        """The best attempt once more, with searched ranges."""
        if self.is_over:
            return
        best = self.best
        told: Callable[[int, int], None] | None = None
        if self._progress is not None:
            told = partial(self._progress, "ranges")
        source = best.prepared
        found, stopped = search_ranges(
            source.graph, fitting(self._few), source.qparams, _groups(source), self._budget, told
        )
        self.attempt(f"{best.name}, ranges searched", replace(source, qparams=found), best.steps)
        self.stopped = self.stopped or stopped

    def result(self) -> Quantized:
        """The best attempt, with the record of all."""
        best = self.best
        trials = tuple(Trial(attempt.name, attempt.score, attempt is best) for attempt in self.tried)
        record = replace(best.record, trials=trials, held_back=self._judge.samples, stopped=self.stopped)
        return Quantized(best.graph, record, best.prepared, self._few, best.steps)


def _groups(prepared: Prepared) -> dict[str, list[str]]:
    """Root -> the values that share its parameters, of all roots whose range was observed, in the data's order."""
    graph = prepared.graph
    roots, producers = scale_roots(graph, prepared.selection), graph.producers()
    found: dict[str, list[str]] = {}
    for name in prepared.qparams:
        root = roots.get(name, name)
        rule = producers[root].op.quant if root in producers else None
        if graph.constant(root) is None and (rule is None or rule.output is None):
            found.setdefault(root, []).append(name)
    order = {name: at for at, name in enumerate([*graph.inputs, *producers])}
    return dict(sorted(found.items(), key=lambda item: order[item[0]]))


def _renamed(progress: Progress, stage: str, _: str, done: int, total: int | None) -> None:
    progress(stage, done, total)
