"""From a simplified float graph to the int8 one, once, with given options; `best` calls it several times.

scale raw features, equalize -> calibrate (statistics of what may become int8) -> observe (a range for each value) ->
select (which nodes become int8) -> assign (scales and zero points) -> choose (an observer) -> lower (the int8 graph) ->
refine (weights and biases, layer by layer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from edgeconv.core import Array, QParams
from edgeconv.graph import Graph
from edgeconv.quantize.assign import assign, observed_values, scale_roots
from edgeconv.quantize.calibrate import collect
from edgeconv.quantize.calibrated import Calibrated
from edgeconv.quantize.choose import choose
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.first_layers import first_layers
from edgeconv.quantize.in_float import Ranges
from edgeconv.quantize.judge import Judge
from edgeconv.quantize.limits import clamp_wide, exact_scales
from edgeconv.quantize.lower import lower
from edgeconv.quantize.observers import OBSERVERS
from edgeconv.quantize.refine.equalize import EXPONENT, equalize
from edgeconv.quantize.refine.raw_features import scale_features
from edgeconv.quantize.refine.stepper import few_batches, judging
from edgeconv.quantize.refine.walk import refine_layers
from edgeconv.quantize.select import Selection, select
from edgeconv.quantize.sensitivity import cheap_values, free_values
from edgeconv.quantize.statistics import Statistics
from edgeconv.quantize.streams import split_streams
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.quantize.unseen import widened
from edgeconv.report.record import UNREFINED, RaisedValue, RefinementRecord, Trial, decibels_of

__all__ = ["Prepared", "Progress", "Quantized", "equalized_forms", "judged", "prepare", "quantize_once", "refine"]

BEST_EXPONENTS = (EXPONENT, 0.2, 0.5, 0.0)
"""Strengths of equalization that the highest effort tries, first that of all others."""

Progress = Callable[[str, int, "int | None"], None]
"""Called with a stage ("calibrating", "refining"), what is done of it, and of how much (None while unknown)."""


@dataclass(frozen=True)
class Prepared:
    """A float graph ready to be lowered: which nodes become int8, and the parameters of values.

    `statistics`: what calibration saw of every value; `ranges`: what int8 shall cover of that, by the observer of
    `config`. `free`: values in 16 bits since that costs nothing; `cheap`: those for which it costs little. `observed`:
    the observers that were tried. `undone`: as in the record.
    """

    graph: Graph
    config: QuantConfig
    statistics: Mapping[str, Statistics]
    ranges: Ranges
    selection: Selection
    qparams: Mapping[str, QParams]
    free: tuple[str, ...] = ()
    cheap: tuple[RaisedValue, ...] = ()
    observed: tuple[Trial, ...] = ()
    undone: tuple[str, ...] = ()

    @property
    def narrow(self) -> dict[str, QParams]:
        """The parameters of the values in 8 bits."""
        return {name: q for name, q in self.qparams.items() if name not in self.selection.wide}

    def lowered(self) -> Graph:
        """The int8 graph, nothing refined; it remembers what its first layers compute on calibration samples."""
        found = lower(self.graph, self.selection, self.qparams)
        roots = scale_roots(self.graph, self.selection)
        clamp_wide(found, exact_scales(self.graph, self.selection, roots, self.statistics), self.statistics)
        found.metadata.update(first_layers(self.graph, self.statistics))
        return found

    def ranged_by(self, method: str) -> Prepared:
        """The same with the ranges of another observer."""
        found = _ranged_by(method, self.graph, self.config, self.statistics)
        observed = tuple(replace(each, taken=each.name == method) for each in self.observed)
        return replace(found, free=self.free, cheap=self.cheap, observed=observed, undone=self.undone)

    def raised(self, raised: tuple[tuple[str, str], ...]) -> Prepared:
        """The same with these values above int8; searched ranges of the others are kept."""
        fresh = _ranged(self.graph, replace(self.config, raised=raised), self.statistics, self.ranges)
        wide = fresh.selection.wide | self.selection.wide
        kept = {name: self.qparams[name] for name in fresh.qparams if name in self.qparams and name not in wide}
        return replace(fresh, qparams={**fresh.qparams, **kept}, observed=self.observed, undone=self.undone)


@dataclass(frozen=True)
class Quantized:
    """The int8 graph, and what refining did. `prepared`, `few`, `steps`: what it was made from, to go on with."""

    graph: Graph
    record: RefinementRecord
    prepared: Prepared
    few: Sequence[Mapping[str, Array]] = ()
    steps: tuple[str, ...] = ()


def equalized_forms(
    graph: Graph, few: Sequence[Mapping[str, Array]], config: QuantConfig
) -> Iterator[tuple[float, Graph]]:
    """(exponent, graph) of the forms of the network that an effort calibrates, 0 for the network as it is."""
    graph = scale_features(graph, few) if "features" in config.steps else graph
    exponents: tuple[float, ...] = (EXPONENT,)
    if config.effort == "best":
        is_changed = equalize(graph, few[:1], BEST_EXPONENTS[0]).nodes != graph.nodes
        exponents = BEST_EXPONENTS if is_changed else (0.0,)
    if "equalize" not in config.steps:
        exponents = (0.0,)
    for exponent in exponents:
        yield exponent, equalize(graph, few[:1], exponent) if exponent else graph


def quantize_once(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    config: QuantConfig,
    progress: Progress | None = None,
) -> Quantized:
    """Quantize with the refinements of `config`, each layer's judged by held-back samples, and so the whole."""
    budget = TimeBudget(config.time_budget)
    few = few_batches(graph, samples) if config.steps or len(config.observers) > 1 else []
    ((_, equal),) = equalized_forms(graph, few, config)
    prepared = prepare(equal, samples, few, config, progress)
    refined, record = refine(prepared, few, config.steps, config.effort, budget, progress)
    made = Quantized(refined, record, prepared, few, config.steps)
    return judged(made) if config.steps else made


def prepare(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    few: Sequence[Mapping[str, Array]],
    config: QuantConfig,
    progress: Progress | None = None,
) -> Prepared:
    """Calibrate, select and assign; by several observers where `config` names none, judged by `few` of the batches."""
    wanted = [name for name in observed_values(graph, select(graph, config)) if graph.constant(name) is None]
    seen = samples.samples if isinstance(samples, Calibrated) else 0

    def count(done: int) -> None:
        nonlocal seen
        seen = done
        if progress is not None:
            progress("calibrating", done, None)

    statistics: Mapping[str, Statistics] = collect(graph, samples, wanted, count)
    method, *others = config.observers
    undone: tuple[str, ...] = ()
    if "unseen" in config.steps:
        way = partial(_ranged_by, method, graph, config)
        statistics, undone = widened(graph, statistics, few, seen, lambda known: (graph, way(known).narrow))
    first = _raise_free(_ranged_by(method, graph, config, statistics), few)
    ways = [first, *map(first.ranged_by, others)]
    best, noises = choose(ways, few)
    observed = [
        Trial(way.config.method, decibels_of(1.0, noise), way is best) for way, noise in zip(ways, noises, strict=False)
    ]
    return replace(best, observed=tuple(observed), undone=undone)


def _ranged_by(method: str, graph: Graph, config: QuantConfig, statistics: Mapping[str, Statistics]) -> Prepared:
    """Select and assign, for the ranges of one observer."""
    ranges = {name: seen.reaching(OBSERVERS[method](seen)) for name, seen in statistics.items()}
    return _ranged(graph, replace(config, method=method), statistics, ranges)


def _ranged(graph: Graph, config: QuantConfig, statistics: Mapping[str, Statistics], ranges: Ranges) -> Prepared:
    """Select and assign, for ranges that are known."""
    selection = select(graph, config, ranges)
    return Prepared(graph, config, statistics, ranges, selection, assign(graph, selection, statistics, ranges))


def _raise_free(prepared: Prepared, few: Sequence[Mapping[str, Array]]) -> Prepared:
    """With what costs nothing to hold in 16 bits held so, and what costs little, where the refinements ask for it."""
    free = free_values(prepared, few[0]) if "free" in prepared.config.steps else ()
    if free:
        prepared = _wider(prepared, free)
    cheap = cheap_values(prepared, few[0]) if "cheap" in prepared.config.steps else ()
    if cheap:
        prepared = _wider(prepared, [name for each in cheap for name in each.names])
    if "streams" in prepared.config.steps:
        prepared, streams = split_streams(prepared, few[0])
        prepared, free = _wider(prepared, streams) if streams else prepared, (*free, *streams)
    return replace(prepared, free=free, cheap=cheap)


def _wider(prepared: Prepared, names: Iterable[str]) -> Prepared:
    return prepared.raised((*prepared.config.raised, *((name, "int16") for name in names)))


def refine(
    prepared: Prepared,
    few: Sequence[Mapping[str, Array]],
    steps: tuple[str, ...],
    effort: str,
    budget: TimeBudget,
    progress: Progress | None = None,
) -> tuple[Graph, RefinementRecord]:
    """Lower, and refine layer by layer."""
    lowered = prepared.lowered()
    count = None if progress is None else partial(progress, "refining")
    layers, stopped = refine_layers(prepared.graph, lowered, few, steps, budget, count) if steps else ((), "")
    reach = [side for seen in prepared.statistics.values() for side in seen.reach]
    record = RefinementRecord(
        effort, tuple(layers), stopped=stopped, free=prepared.free, cheap=prepared.cheap, observed=prepared.observed,
        reach=sum(reach) / max(len(reach), 1), undone=prepared.undone,
    )  # fmt: skip
    return lowered, record


def judged(made: Quantized) -> Quantized:
    """The layers refined, unless they are worse without doubt on held-back samples: together, and as a rule."""
    judge, plain = Judge(made.prepared.graph, judging(made.few)), made.prepared.lowered()
    scores = {UNREFINED: judge.scores(plain), "refined": judge.scores(made.graph)}
    is_better = any(after >= before for before, after in zip(*scores.values(), strict=True))
    taken = "refined" if is_better else UNREFINED
    trials = tuple(Trial(name, score, name == taken) for name, (score, _) in scores.items())
    worse = () if is_better else ("the refinements of all layers: the network as a whole got worse with them",)
    record = replace(made.record, trials=trials, held_back=judge.samples, undone=(*made.prepared.undone, *worse))
    return replace(made, graph=made.graph if is_better else plain, record=record)
