"""Levels of effort: what each refines, what is judged by held-back samples and undone, and the time budget."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from edgeconv.core import Array, type_of
from edgeconv.dims import symbol
from edgeconv.errors import UsageError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize import EFFORTS, QuantConfig, Quantized, quantize, quantize_recorded
from edgeconv.quantize.judge import HeldBack, Judge
from edgeconv.quantize.pipeline import judged
from edgeconv.quantize.refine.range_search import search_ranges
from edgeconv.quantize.refine.stepper import few_batches, judging
from edgeconv.quantize.sensitivity import Group
from edgeconv.quantize.simulate import Simulation, rounded
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr
from tests.quantize.test_refine import two_convs

BATCHES = [{"x": data(6, 3, 8, 8, seed=seed)} for seed in range(5)]


def made(effort: str, batches: list[dict[str, Array]] | None = None, **options: float) -> Quantized:
    return quantize_recorded(two_convs(False), batches or BATCHES, QuantConfig(effort=effort, **options))  # type: ignore[arg-type]  # options are of several types


def test_each_level_loses_no_more_than_the_one_below() -> None:
    held = data(6, 3, 8, 8, seed=9)
    reference = Interpreter(to_program(two_convs(False)))(held)
    found = [sqnr(reference, Interpreter(to_program(made(effort).graph))(held)) for effort in EFFORTS]
    assert found[0] < found[1]
    assert found[2] > found[1] - 0.5


def test_fast_corrects_biases_by_the_float_means_alone() -> None:
    record = made("fast").record
    assert [layer.output for layer in record.layers] == ["h", "y"]
    assert {name for layer in record.layers for name in layer.errors} == {"nearest", "means"}


def test_default_proposes_every_refinement_and_takes_the_best_for_each_layer() -> None:
    record = made("default").record
    for layer in record.layers:
        assert list(layer.errors) == ["nearest", "bias", "gptq", "fit", "close fit"]
        assert layer.errors[layer.taken] == min(layer.errors.values())
        assert layer.sqnr[layer.taken] == pytest.approx(10 * np.log10(layer.signal / layer.errors[layer.taken]))
    assert record.held_back == 6
    assert [trial.name for trial in record.trials] == ["unrefined", "refined"]


def test_best_takes_the_trial_with_the_highest_score() -> None:
    record = made("best").record
    assert [t.sqnr for t in record.trials if t.taken] == [max(t.sqnr for t in record.trials)]
    assert sum("in 16 bits" in t.name for t in record.trials) == 1
    assert record.raised
    names = ["equalization 0.35", "equalization 0.35, unrefined", "equalization 0.2", "equalization 0.5",
             "no equalization"]  # fmt: skip
    assert [t.name for t in record.trials][: len(names)] == names
    assert {t.name.split(", ")[1] for t in record.trials if ", " in t.name} > {"percentile ranges", "without fit"}


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_best_is_the_same_whoever_tries(kind: type[Executor]) -> None:
    alone = made("best")
    with kind(2) as executor:  # type: ignore[call-arg]  # both take a number of workers
        found = quantize_recorded(two_convs(False), BATCHES, QuantConfig(effort="best"), executor=executor)
    assert found.record == alone.record
    assert to_bytes(to_program(found.graph)) == to_bytes(to_program(alone.graph))


def test_best_is_judged_by_all_samples_that_nothing_is_fitted_to() -> None:
    """Of 160 in one batch a quarter, whatever its parts; then all that follow."""
    few = [{"x": data(40, 3, 8, 8, seed=seed)} for seed in range(4)]
    whole = {"x": np.concatenate([part["x"] for part in few])}
    found = list(HeldBack(few, [whole, *BATCHES]))
    assert [batch["x"].shape[0] for batch in found] == [40, *[6] * len(BATCHES)]
    assert found[0] is few[3]


def test_nan_in_place_of_a_number_is_noise_as_large_as_that() -> None:
    graph = two_convs(False)
    broken = graph.copy()
    weight = np.full_like(graph.constant(graph.nodes[1].inputs[1]), np.nan)
    broken.types[graph.nodes[1].inputs[1]] = type_of(weight)
    assert Judge(graph, BATCHES).sqnr(broken) == pytest.approx(0)


def test_a_refinement_that_harms_on_held_back_samples_is_undone_and_said() -> None:
    """The bias that suits the first batches is wrong for the held-back one, whose values are of another sign."""
    batches = [{"x": 3 + data(6, 3, 8, 8, seed=seed)} for seed in range(3)] + [{"x": -3 + data(6, 3, 8, 8, seed=4)}]
    record = made("default", batches).record
    assert any("bias" in layer.undone for layer in record.layers)
    assert all(name != layer.taken for layer in record.layers for name in layer.undone)


def test_a_single_batch_is_parted_so_that_samples_are_held_back() -> None:
    samples = [{"x": data(40, 3, 8, 8)}]
    assert quantize_recorded(two_convs(False, symbol("N")), samples).record.held_back == 10


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [((32, 32, 32, 4), (32, 32, 11, 21, 4)), ((32, 18), (32, 6, 12)), ((32,) * 4, (32,) * 4), ((3, 2), (3, 1, 1)),
     ((7, 1, 2), (7, 1, 2)), ((9,), (3, 2, 2, 2)), ((3,), (3,))],
)  # fmt: skip
def test_a_quarter_of_the_samples_is_held_back_whatever_the_batches(
    sizes: tuple[int, ...], parts: tuple[int, ...]
) -> None:
    x = data(sum(sizes), 3, 8, 8)
    batches = [{"x": part} for part in np.split(x, np.cumsum(sizes)[:-1])]
    few = few_batches(two_convs(False, symbol("N")), batches)
    assert tuple(len(part["x"]) for part in few) == parts
    np.testing.assert_array_equal(np.concatenate([part["x"] for part in few]), x)
    assert few_batches(two_convs(False, symbol("N")), few) == few
    fixed = two_convs(False, sizes[0])
    assert few_batches(fixed, batches[:1]) == batches[:1]
    if len(parts) > 1:
        assert 1 / 6 < sum(len(part["x"]) for part in judging(few)) / sum(sizes) <= 1 / 3


def test_one_sample_alone_does_not_undo_what_is_better_for_all_others() -> None:
    """Values to 1000 cost all samples their steps; what clips them is exact for the rest."""
    samples = data(40, 3, 8, 8)
    samples[-1] *= 1000
    graph = two_convs(False, symbol("N"))
    plain = quantize_recorded(graph, [{"x": samples}], QuantConfig(refinements=()))
    hidden = graph.copy()
    hidden.outputs = ["h"]
    clipping, (first, second) = graph.copy(), graph.nodes
    highest = float(Interpreter(to_program(hidden))(samples[:-1]).max())
    clipping.nodes = [replace(first, op=replace(first.op, high=highest)), second]  # type: ignore[call-arg]  # it is a Conv
    found = judged(replace(plain, graph=clipping))
    coarse, exact = found.record.trials
    assert exact.sqnr < coarse.sqnr
    assert exact.taken
    assert found.graph is clipping


def test_without_time_nothing_is_refined_and_the_record_says_so() -> None:
    short = made("default", time_budget=0.0)
    assert short.record.stopped == "the time budget of 0 s was spent after 0 of 2 layers"
    plain = quantize(two_convs(False), BATCHES, QuantConfig(refinements=("equalize",)))
    assert to_bytes(to_program(short.graph)) == to_bytes(to_program(plain))


def test_best_without_time_makes_its_first_attempt_only() -> None:
    record = made("best", time_budget=0.0).record
    assert len(record.trials) == 1
    assert record.stopped.startswith("the time budget of 0 s was spent")


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"effort": "most"}, "no effort 'most'; choose from fast, default, best"), ({"time_budget": -1.0}, "negative")],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        QuantConfig(**options)  # type: ignore[arg-type]  # that is what is tested


def simulated(graph: Graph) -> tuple[Simulation, Array, Array]:
    """The simulation of a quantized graph's activations, its input, and the float output."""
    x = data(6, 3, 8, 8)
    lowered = quantize(graph, [{"x": x}], QuantConfig(refinements=()))
    qparams = {name: q for name in ("x", "h", "y") if (q := lowered.types[name].q) is not None}
    return Simulation(graph, {"x": x}, qparams), x, Interpreter(to_program(graph))(x)


def test_simulation_gives_the_noise_of_rounded_activations() -> None:
    graph = two_convs(False)
    simulation, x, wanted = simulated(graph)
    assert simulation.noise_with(dict.fromkeys(("x", "h", "y"))) == 0
    q = quantize(graph, [{"x": x}], QuantConfig(refinements=())).types["y"].q
    assert q is not None
    error = (rounded(wanted, q) - wanted).astype(np.float64)
    error -= error.mean(axis=0)
    expected = np.square(error).sum() / np.square(wanted.astype(np.float64)).sum()
    assert simulation.noise_with({"x": None, "h": None}) == pytest.approx(expected, rel=1e-5)


def test_range_search_mends_a_range_that_clips_what_matters() -> None:
    graph = two_convs(False)
    x = data(6, 3, 8, 8)
    lowered = quantize(graph, [{"x": x}], QuantConfig(refinements=()))
    good = {name: q for name in ("x", "h", "y") if (q := lowered.types[name].q) is not None}
    clipped = {**good, "y": type(good["y"])((good["y"].scale[0] * 0.4,), good["y"].zero_point)}
    groups = [Group((name,), frozenset(), frozenset(), True) for name in clipped]
    found, stopped = search_ranges(graph, [{"x": x}], clipped, groups, TimeBudget(None))
    before, after = (Simulation(graph, {"x": x}, q).noise for q in (clipped, found))
    assert not stopped
    assert after < before
    assert found["y"].scale[0] > clipped["y"].scale[0]
