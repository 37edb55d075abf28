"""The highest effort: several ways to quantize the whole network, the best on held-back calibration samples taken.

First what the default effort makes, refined and not; then equalization of other strengths, and none; on the best of
these, other observers, and GPTQ rounding without the least-squares fit; ranges searched on the output; and,
where it pays, activations in 16 bits: those that nothing multiplies, and those of at most a fifth of the
multiply-accumulates. Nothing is taken that scores less than the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from edgeconv.core import Array
from edgeconv.graph import Graph
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.judge import HeldBack, Judge
from edgeconv.quantize.ladder import Plan, plan_within
from edgeconv.quantize.pipeline import Prepared, Progress, Quantized, equalized_forms, prepare, refine
from edgeconv.quantize.refine.range_search import search_ranges
from edgeconv.quantize.refine.stepper import few_batches, fitting
from edgeconv.quantize.sensitivity import int8_share, macs_of, narrow_groups, sensitivities
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import RaisedValue, RefinementRecord, Trial
from edgeconv.report.tasks import Task

__all__ = ["quantize_best"]

_LEAST_INT8 = (0.97, 0.8)
"""Shares of the multiply-accumulates that stay int8 weights times int8 activations, to try."""
_PRICE = 3.0
"""dB that 16-bit products must gain for all multiply-accumulates, and in proportion for some."""
_FIT, _NO_FIT = ("bias", "gptq", "fit"), ("bias", "gptq")


def quantize_best(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    config: QuantConfig,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Quantized:
    """Try everything that the time allows; what scores best on held-back samples is returned.

    `executor` makes several attempts at once; with a time budget they are made one after another.
    """
    few, budget = few_batches(graph, samples), TimeBudget(config.time_budget)
    search = _Search(Judge(graph, HeldBack(few, samples), executor), few, config, budget, progress, executor)
    search.attempt(_forms(graph, samples, few, config, progress))
    search.attempt(_other_ways(search.best.way, config.observers))
    if "ranges" in config.steps:
        search.attempt_ranges()
    if "wide" in config.steps:
        search.attempt_wide()
    return search.result()


@dataclass(frozen=True)
class _Way:
    """What to try: `plan` says what of `prepared` is raised."""

    name: str
    prepared: Prepared
    steps: tuple[str, ...] = _FIT
    plan: Plan | None = None


def _forms(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    few: Sequence[Mapping[str, Array]],
    config: QuantConfig,
    progress: Progress | None,
) -> Iterator[_Way]:
    """The forms of the network, first as the default effort has it."""
    for number, (exponent, equal) in enumerate(equalized_forms(graph, few, config)):
        name = f"equalization {exponent:g}" if exponent else "no equalization"
        prepared = prepare(equal, samples, few, config, None if number else progress)
        yield _Way(name, prepared)
        if not number:
            yield _Way(f"{name}, unrefined", prepared, ())


def _other_ways(best: _Way, observers: Iterable[str]) -> Iterator[_Way]:
    """`best` once more, by other observers, and without the fit."""
    seen = [best.prepared.qparams]
    for method in observers:
        prepared = best.prepared.ranged_by(method)
        if prepared.qparams not in seen:
            seen.append(prepared.qparams)
            yield _Way(f"{best.name}, {method} ranges", prepared, best.steps)
    if "fit" in best.steps:
        yield _Way(f"{best.name}, without fit", best.prepared, _NO_FIT)


@dataclass(frozen=True)
class _Attempt:
    """One way that was tried, with its score in dB."""

    way: _Way
    score: float
    graph: Graph
    record: RefinementRecord
    int8_share: float

    @property
    def worth(self) -> float:
        """The score less the price of products in 16 bits."""
        return self.score - _PRICE * (1 - self.int8_share)


class _Search:
    def __init__(
        self,
        judge: Judge,
        few: Sequence[Mapping[str, Array]],
        config: QuantConfig,
        budget: TimeBudget,
        progress: Progress | None,
        executor: Executor | None,
    ) -> None:
        self._judge, self._few, self._config, self._budget = judge, few, config, budget
        self._progress, self._executor, self.stopped = progress, executor, ""
        self.tried: list[_Attempt] = []

    @property
    def is_over(self) -> bool:
        """No time is left for another attempt; the first is always made."""
        if self.tried and self._budget.is_spent and not self.stopped:
            self.stopped = f"the time budget of {self._budget.seconds:g} s was spent after {len(self.tried)} attempts"
        return bool(self.stopped)

    @property
    def best(self) -> _Attempt:
        """The attempt that is worth most, the earliest of equal ones, of those that score no less than the default."""
        least = max(attempt.score for attempt in self.tried[:2])
        return max((attempt for attempt in self.tried if attempt.score >= least), key=lambda attempt: attempt.worth)

    def attempt(self, ways: Iterable[_Way]) -> None:
        """Refine in several ways, and judge; side by side where workers are there and time is not limited."""
        if self.is_over:
            return
        if self._executor is None or self._budget.seconds is not None:
            for way in ways:
                self._take(way, self._task(way)(progress=self._told))
                if self.is_over:
                    return
            return
        for way, task in [(way, Task(self._executor, self._task(way))) for way in ways]:
            self._told("", 0, None)
            self._take(way, task.result())

    def _task(self, way: _Way) -> partial[tuple[Graph, RefinementRecord]]:
        return partial(refine, way.prepared, self._few, way.steps, self._config.effort, self._budget)

    def _told(self, _: str, done: int, total: int | None) -> None:
        if self._progress is not None:
            self._progress(f"try {len(self.tried) + 1}", done, total)

    def _take(self, way: _Way, made: tuple[Graph, RefinementRecord]) -> None:
        graph, record = made
        self.stopped = record.stopped
        record = record if way.plan is None else replace(record, raised=way.plan.raised)
        share = int8_share(way.prepared, macs_of(way.prepared.graph, self._few[0]))
        self.tried.append(_Attempt(way, self._judge.sqnr(graph), graph, record, share))

    def attempt_ranges(self) -> None:
        """The best attempt once more, with searched ranges."""
        if self.is_over:
            return
        told = None if self._progress is None else partial(self._progress, "ranges")
        best = self.best.way
        source = best.prepared
        found, stopped = search_ranges(
            source.graph, fitting(self._few), source.narrow, narrow_groups(source), self._budget, told
        )
        if found != source.narrow:
            searched = replace(source, qparams={**source.qparams, **found})
            self.attempt([_Way(f"{best.name}, ranges searched", searched, best.steps)])
        self.stopped = self.stopped or stopped

    def attempt_wide(self) -> None:
        """The best attempt once more, with activations in 16 bits."""
        if not self.is_over:
            self.attempt(self._wider(self.best.way))

    def _wider(self, best: _Way) -> Iterator[_Way]:
        batch = self._few[0]
        seen: set[tuple[RaisedValue, ...]] = {()}
        macs = macs_of(best.prepared.graph, batch)
        rated = sensitivities(best.prepared.raised(()), batch, self._executor)
        for least in _LEAST_INT8:
            plan = plan_within(rated, macs, least)
            if plan.raised not in seen:
                seen.add(plan.raised)
                name = f"{best.name}, {len(plan.raised)} groups of activations in 16 bits"
                yield _Way(name, best.prepared.raised(plan.values), best.steps, plan)

    def result(self) -> Quantized:
        """The best attempt, with the record of all."""
        best = self.best
        trials = tuple(Trial(attempt.way.name, attempt.score, attempt is best) for attempt in self.tried)
        record = replace(best.record, trials=trials, held_back=self._judge.samples, stopped=self.stopped)
        return Quantized(best.graph, record, best.way.prepared, self._few, best.way.steps)
