"""The ladder of precision: int8; activations in 16 bits; activations in float, weights still int8.

`climb` raises the groups of activations that cost the output most for the multiply-accumulates they take, as few as a
measured budget needs; first come those that nothing multiplies, which leave all products in int8. The whole network is
refined anew after every change, biases included, so that what is measured is what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from math import log10

from edgeconv.graph import Graph
from edgeconv.quantize.pipeline import Progress, Quantized, judged, refine
from edgeconv.quantize.sensitivity import FREE, Sensitivity, int8_share, macs_of, sensitivities
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import Attempt, RaisedValue, decibels_of

__all__ = ["Measure", "Plan", "climb", "plan_within", "plans_of"]

Measure = Callable[[Graph], tuple[float, bool]]
"""The value of what is to be kept (a drop, an SQNR) for a quantized graph, and whether it is good enough."""

_SMALL = 0.01
"""Share of all multiply-accumulates that is added to the cost of a group, so that none is free."""
_MORE_GAIN = 1.5
"""By so much the predicted gain in dB grows from one attempt to the next."""
_MOST_TAKEN_BACK = 6
"""Attempts to lower single groups again."""


@dataclass(frozen=True)
class Plan:
    """What is raised, in order of harm; `int8_share`: of the multiply-accumulates, what that leaves int8 times int8.

    `gain`: dB that the prediction takes away from the noise of activations.
    """

    raised: tuple[RaisedValue, ...]
    int8_share: float
    gain: float

    @cached_property
    def values(self) -> tuple[tuple[str, str], ...]:
        """As `QuantConfig.raised` takes it."""
        return tuple((name, each.precision) for each in self.raised for name in each.names)


def plans_of(rated: Sequence[Sensitivity], macs: dict[str, int]) -> list[Plan]:
    """Every plan raises one group more than the one before: first to int16, then, from the start again, to float.

    Groups that nothing multiplies come first.
    """
    ranked, total, noise = _ranked(rated, macs)
    wide = [each for each in ranked if each.group.can_be_int16]
    steps = [wide[: count + 1] for count in range(len(wide))]
    floats: list[Sequence[Sensitivity]] = [ranked[: count + 1] for count in range(len(ranked))]
    int16 = [_plan(part, (), macs, total, noise) for part in steps]
    return int16 + [_plan([e for e in wide if e not in part], part, macs, total, noise) for part in floats]


def plan_within(rated: Sequence[Sensitivity], macs: dict[str, int], least: float) -> Plan:
    """16 bits for the most harmful groups, in the order of `plans_of`, that leave `int8_share` at `least` or more."""
    ranked, total, noise = _ranked(rated, macs)
    taken: list[Sensitivity] = []
    above: frozenset[str] = frozenset()
    for each in ranked:
        with_it = above | each.group.multipliers
        if each.group.can_be_int16 and sum(macs.get(key, 0) for key in with_it) <= (1 - least) * total:
            taken.append(each)
            above = with_it
    return _plan(taken, (), macs, total, noise)


def _ranked(rated: Sequence[Sensitivity], macs: dict[str, int]) -> tuple[list[Sensitivity], int, float]:
    """Groups by harm for their cost, those that nothing multiplies first; all multiply-accumulates; all noise."""
    total = max(sum(macs.values()), 1)

    def cost(each: Sensitivity) -> float:
        return sum(macs.get(key, 0) for key in each.group.multipliers) / total

    ranked = sorted(rated, key=lambda each: (cost(each) > FREE, -each.noise / (cost(each) + _SMALL)))
    return ranked, total, max(sum(each.noise for each in rated), 1e-300)


def _plan(
    wide: Sequence[Sensitivity], floats: Sequence[Sensitivity], macs: dict[str, int], total: int, noise: float
) -> Plan:
    raised: list[RaisedValue] = []
    above: set[str] = set()
    for part, precision in ((floats, "float"), (wide, "int16")):
        for each in part:
            taken = each.group.touched if precision == "float" else each.group.multipliers
            share = sum(macs.get(key, 0) for key in taken) / total
            above |= taken
            raised.append(RaisedValue(each.group.names, precision, decibels_of(1.0, each.noise), share))
    left = noise - sum(each.noise for each in (*wide, *floats))
    share = 1 - sum(macs.get(key, 0) for key in above) / total
    return Plan(tuple(raised), share, 10 * log10(noise / max(left, noise * 1e-6)))


def climb(
    made: Quantized,
    measure: Measure,
    executor: Executor | None = None,
    progress: Progress | None = None,
    budget: TimeBudget | None = None,
    tries_steps: bool = False,
) -> tuple[Quantized, bool]:
    """The cheapest plan that is good enough, and True; or the last that was tried, and False.

    `made` is returned as it is when it is good enough. Groups are rated in `executor`. With `tries_steps` fewer
    refinements are tried, too, before anything costs int8 products: a share of hits is a matter of few samples.
    """
    search = _Climb(made, measure, progress, budget or TimeBudget(None))
    if search.holds(made):
        return search.result(made), True
    if not made.few:
        return search.result(made), False
    others = _other_steps(made.steps) if tries_steps else ()
    found = search.first(Plan((), 1.0, 0.0), others)
    if found is not None:
        return search.result(found), True
    plans = plans_of(sensitivities(made.prepared.raised(()), made.few[0], executor), search.macs)
    free = sum(plan.int8_share >= 1 - FREE for plan in plans)
    found = search.first(plans[free - 1], (made.steps, *others)) if free else None
    if found is not None:
        return search.result(found), True
    return search.cheapest(plans, free)


def _other_steps(steps: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The refinements of layers without the least-squares fit, and without GPTQ rounding."""
    found = (tuple(step for step in steps if step != "fit"), tuple(s for s in steps if s not in ("fit", "gptq")))
    return tuple(other for other in dict.fromkeys(found) if other != steps)


class _Climb:
    def __init__(self, made: Quantized, measure: Measure, progress: Progress | None, budget: TimeBudget) -> None:
        self._made, self._measure, self._progress, self._budget = made, measure, progress, budget
        self._attempts: list[Attempt] = []

    @cached_property
    def macs(self) -> dict[str, int]:
        """Of each node."""
        return macs_of(self._made.prepared.graph, self._made.few[0])

    def holds(self, made: Quantized, raised: tuple[RaisedValue, ...] = ()) -> bool:
        """Measure, and note it down."""
        value, is_enough = self._measure(made.graph)
        share = int8_share(made.prepared, self.macs) if made.few else 1.0
        self._attempts.append(Attempt(raised, share, value, is_enough))
        return is_enough

    def first(self, plan: Plan, ways: Sequence[tuple[str, ...]]) -> Quantized | None:
        """What the first of several ways to refine makes of a plan that is good enough."""
        for steps in ways:
            if self._budget.is_spent:
                return None
            made, is_enough = self._try(plan, steps)
            if is_enough:
                return made
        return None

    def cheapest(self, plans: Sequence[Plan], done: int) -> tuple[Quantized, bool]:
        """Ever bolder plans until one is good enough, then bisection between it and the last that was not, then less.

        The first `done` plans are not: they raise less than one that was not.
        """
        low, high, found, last = done - 1, done - 1, None, self._made
        gain = _MORE_GAIN + (plans[done - 1].gain if done else 0.0)
        while high < len(plans) - 1 and found is None and not self._budget.is_spent:
            wanted = next((at for at in range(low + 1, len(plans)) if plans[at].gain >= gain), len(plans) - 1)
            high = max(wanted, low + 1)
            last, is_enough = self._try(plans[high], self._made.steps)
            found, low = (last, low) if is_enough else (None, high)
            gain = max(gain + _MORE_GAIN, _MORE_GAIN * gain)
        while found is not None and high - low > 1 and not self._budget.is_spent:
            middle = (low + high) // 2
            other, is_enough = self._try(plans[middle], self._made.steps)
            found, low, high = (other, low, middle) if is_enough else (found, middle, high)
        return self.result(self._lowered(found) if found else last), found is not None

    def _lowered(self, found: Quantized) -> Quantized:
        """With the groups back in int8 that are not needed beside those raised after them, the most costly first."""
        costly = [each for each in found.record.raised[:-1] if each.macs > FREE]
        for each in sorted(costly, key=lambda raised: (-raised.macs, -raised.sqnr))[:_MOST_TAKEN_BACK]:
            if not self._budget.is_spent:
                left = tuple(other for other in found.record.raised if other != each)
                other, is_enough = self._try(Plan(left, 0.0, 0.0), self._made.steps)
                found = other if is_enough else found
        return found

    def _try(self, plan: Plan, steps: tuple[str, ...]) -> tuple[Quantized, bool]:
        prepared = self._made.prepared.raised(plan.values) if plan.raised else self._made.prepared
        number = len(self._attempts)
        if self._progress is not None:
            self._progress(f"try {number}", 0, None)
        graph, record = refine(prepared, self._made.few, steps, self._made.record.effort, self._budget)
        made = Quantized(graph, replace(record, raised=plan.raised), prepared, self._made.few, steps)
        made = judged(made) if steps else made
        return made, self.holds(made, plan.raised)

    def result(self, made: Quantized) -> Quantized:
        """With the record of all attempts."""
        stopped = made.record.stopped
        if self._budget.is_spent and not stopped:
            stopped = self._budget.message(len(self._attempts), len(self._attempts), "attempts to raise precision")
        return replace(made, record=replace(made.record, attempts=tuple(self._attempts), stopped=stopped))
