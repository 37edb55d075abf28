"""The highest effort: several ways to quantize the whole network, the best on held-back calibration samples taken.

No equalization, or with exponents .25 and .5; then, on the best of these, GPTQ rounding without the least-squares fit;
ranges searched on the network's output; and, where it pays, activations in 16 bits: those that nothing multiplies, and
those of at most a fifth of the multiply-accumulates.
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
from edgeconv.quantize.ladder import Plan, plan_within
from edgeconv.quantize.pipeline import Prepared, Progress, Quantized, equalized_forms, prepare, refine
from edgeconv.quantize.refine.range_search import search_ranges
from edgeconv.quantize.refine.stepper import few_batches, fitting
from edgeconv.quantize.sensitivity import macs_of, sensitivities
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import RefinementRecord, Trial

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
) -> Quantized:
    """Try everything that the time allows; what scores best on held-back samples is returned."""
    few = few_batches(graph, samples)
    search = _Search(Judge(graph, HeldBack(few, samples)), few, config, TimeBudget(config.time_budget), progress)
    for exponent, equal in equalized_forms(graph, few, config):
        if search.is_over:
            break
        name = f"equalization {exponent:g}" if exponent else "no equalization"
        prepared = prepare(equal, samples, few, config, None if search.tried else progress)
        search.attempt(name, prepared, _FIT)
    search.attempt(f"{search.best.name}, without fit", search.best.prepared, _NO_FIT)
    if "ranges" in config.steps:
        search.attempt_ranges()
    if "wide" in config.steps:
        search.attempt_wide()
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
    int8_share: float = 1.0

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
        """The attempt that is worth most, the earliest of equal ones."""
        return max(self.tried, key=lambda attempt: attempt.worth)

    def attempt(self, name: str, prepared: Prepared, steps: tuple[str, ...], plan: Plan | None = None) -> None:
        """Refine in one way, and judge; `prepared` is raised as in `plan`."""
        if self.is_over:
            return
        told = None if self._progress is None else partial(_renamed, self._progress, f"try {len(self.tried) + 1}")
        graph, record = refine(prepared, self._few, steps, self._config.effort, self._budget, told)
        self.stopped = record.stopped
        record = record if plan is None else replace(record, raised=plan.raised)
        share = prepared.int8_share if plan is None else plan.int8_share
        self.tried.append(_Attempt(name, self._judge.sqnr(graph), prepared, steps, graph, record, share))

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
            source.graph, fitting(self._few), source.narrow, _groups(source), self._budget, told
        )
        if found != source.narrow:
            searched = replace(source, qparams={**source.qparams, **found})
            self.attempt(f"{best.name}, ranges searched", searched, best.steps)
        self.stopped = self.stopped or stopped

    def attempt_wide(self) -> None:
        """The best attempt once more, with activations in 16 bits."""
        if self.is_over:
            return
        best, batch = self.best, self._few[0]
        macs, narrow = macs_of(best.prepared.graph, batch), best.prepared.raised(())
        rated = sensitivities(narrow, batch)
        for least in _LEAST_INT8:
            plan = plan_within(rated, macs, least)
            if plan.raised and all(other.record.raised != plan.raised for other in self.tried):
                name = f"{best.name}, {len(plan.raised)} groups of activations in 16 bits"
                self.attempt(name, best.prepared.raised(plan.values), best.steps, plan)

    def result(self) -> Quantized:
        """The best attempt, with the record of all."""
        best = self.best
        trials = tuple(Trial(attempt.name, attempt.score, attempt is best) for attempt in self.tried)
        record = replace(best.record, trials=trials, held_back=self._judge.samples, stopped=self.stopped)
        return Quantized(best.graph, record, best.prepared, self._few, best.steps)


def _groups(prepared: Prepared) -> dict[str, list[str]]:
    """Root -> the values in 8 bits that share its parameters, of all roots whose range was observed, in order."""
    graph = prepared.graph
    roots, producers = scale_roots(graph, prepared.selection), graph.producers()
    found: dict[str, list[str]] = {}
    for name in prepared.narrow:
        root = roots.get(name, name)
        rule = producers[root].op.quant if root in producers else None
        if graph.constant(root) is None and (rule is None or rule.output is None):
            found.setdefault(root, []).append(name)
    order = {name: at for at, name in enumerate([*graph.inputs, *producers])}
    return dict(sorted(found.items(), key=lambda item: order[item[0]]))


def _renamed(progress: Progress, stage: str, _: str, done: int, total: int | None) -> None:
    progress(stage, done, total)
