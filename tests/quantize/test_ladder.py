"""The ladder of precision: as little as it takes above int8, refitted, measured, and said."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import edgeconv
from edgeconv.core import Array, TensorType
from edgeconv.data import open_data
from edgeconv.dims import symbol
from edgeconv.errors import AccuracyError, UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.add import Add
from edgeconv.ops.base import Operator, Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.reduce import ReduceMean
from edgeconv.ops.sigmoid import Sigmoid
from edgeconv.ops.softmax import Softmax
from edgeconv.quantize import QuantConfig, Quantized, quantize_recorded
from edgeconv.quantize.judge import Judge
from edgeconv.quantize.ladder import climb, plan_within, plans_of
from edgeconv.quantize.sensitivity import Group, Sensitivity, groups_of, int8_share, macs_of, sensitivities
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report.record import Attempt, RefinementRecord
from edgeconv.runtime import Interpreter
from edgeconv.target import Target
from tests.harness import data, sqnr

BATCHES = [{"x": data(8, 3, 8, 8, seed=seed)} for seed in range(4)]
HELD = data(8, 3, 8, 8, seed=9)


def network(behind: Operator = Sigmoid()) -> Graph:  # noqa: B008 (an operator is a frozen value)
    """Three convolutions; what the second adds is small beside a large residual, and all that the output shows."""
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 3, 8, 8))})
    first = Conv((1, 1), (1, 1, 1, 1), (1, 1))(Ref("x", emitter.types["x"]), data(4, 3, 3, 3), data(4))
    emitter.emit([first], ["a"], "first")
    a = Ref("a", first.type)
    second = Conv((1, 1), (1, 1, 1, 1), (1, 1))(a, data(4, 4, 3, 3, seed=1), data(4, seed=1))
    emitter.emit([second], ["b"], "second")
    total = Add()(a, Ref("b", second.type))
    emitter.emit([total], ["c"], "total")
    gate = behind(Ref("c", total.type))
    emitter.emit([gate], ["d"], "gate")
    last = Conv((1, 1), (0, 0, 0, 0), (1, 1))(Ref("d", gate.type), data(2, 4, 1, 1, seed=2), data(2, seed=2))
    emitter.emit([last], ["y"], "last")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def quantized(**options: object) -> Quantized:
    return quantize_recorded(network(), BATCHES, QuantConfig(**options))  # type: ignore[arg-type]  # of several types


def reached(graph: Graph, exact: Graph | None = None) -> float:
    return sqnr(Interpreter(to_program(exact or network()))(HELD), Interpreter(to_program(graph))(HELD))


def climbed(least: float) -> tuple[Quantized, bool]:
    return climb(quantized(), lambda graph: (reached(graph), reached(graph) >= least))


def test_what_is_good_enough_is_not_changed() -> None:
    made = quantized()
    found, is_enough = climb(made, lambda graph: (reached(graph), True))
    assert is_enough
    assert found.graph is made.graph
    assert [attempt.int8_share for attempt in found.record.attempts] == [1.0]


def test_what_stays_in_float_is_not_told_as_int8() -> None:
    made = quantized(exclude=("second",))
    found, _ = climb(made, lambda graph: (reached(graph), True))
    macs = macs_of(network(), BATCHES[0])
    (only,) = found.record.attempts
    assert only.int8_share == pytest.approx(1 - macs["b"] / sum(macs.values()))


def test_a_little_more_takes_a_little_above_int8() -> None:
    plain = reached(quantized().graph)
    found, is_enough = climbed(plain + 2)
    assert is_enough
    assert reached(found.graph) >= plain + 2
    assert 1 <= len(found.record.raised) < len(groups_of(quantized().prepared))
    held = {node.outputs[0]: found.graph.types[node.outputs[0]].dtype for node in found.graph.nodes}
    assert "int16" in held.values()
    taken = next(each for each in reversed(found.record.attempts) if each.is_enough)
    assert taken.raised == found.record.raised


def test_much_more_takes_float() -> None:
    """MaxPool has no kernel for 16 bits, so the last rung it is: float activations, int8 weights."""
    exact = network(MaxPool((2, 2), (1, 1), (0,) * 4, (1, 1)))
    made = quantize_recorded(exact, BATCHES, QuantConfig())
    least = reached(made.graph, exact) + 9
    found, is_enough = climb(made, lambda graph: (score := reached(graph, exact), score >= least))
    assert is_enough
    reasons = found.graph.float_reasons
    kept = [reason for reason in reasons.values() if "stays in float to keep the accuracy" in reason]
    assert len(kept) > 1 and len(set(kept)) == 1, "one reason: one row of the report"
    floats = [node for node in found.graph.nodes if node.op_name == "Conv" and node.outputs[0] in reasons]
    assert floats
    assert {found.graph.types[node.inputs[1]].dtype for node in floats} == {"int8"}


def test_what_was_raised_in_vain_is_lowered_again() -> None:
    """More harm for its cost does not make 'a' needed, where 'x' alone is."""
    found, is_enough = climb(quantized(), lambda graph: (0.0, graph.types["x"].dtype != "int8"))
    assert is_enough
    costly = [each.names for each in found.record.raised if each.macs > 0.1]
    assert costly == [("x",)]
    first, *_, last = [each for each in found.record.attempts if each.is_enough]
    assert {("a",), ("x",)} <= {each.names for each in first.raised}
    assert last.int8_share > first.int8_share


def test_the_record_tells_what_is_written_scores_on_held_back_samples() -> None:
    found, _ = climbed(reached(quantized().graph) + 2)
    assert found.record.raised
    (score,) = [trial.sqnr for trial in found.record.trials if trial.taken]
    assert score == max(trial.sqnr for trial in found.record.trials)
    assert Judge(network(), [BATCHES[-1]]).sqnr(found.graph) == pytest.approx(score, abs=1e-3)


def test_what_cannot_be_had_is_said() -> None:
    found, is_enough = climbed(500)
    assert not is_enough
    assert all(not attempt.is_enough for attempt in found.record.attempts)


def test_without_time_it_ends_after_the_first_measurement() -> None:
    made = quantized()
    found, is_enough = climb(made, lambda graph: (0.0, False), budget=TimeBudget(0))
    assert not is_enough
    assert len(found.record.attempts) == 1
    assert "time budget" in found.record.stopped


@pytest.mark.parametrize("executor", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_groups_are_rated_alike_in_any_executor(executor: type[ThreadPoolExecutor] | type[ProcessPoolExecutor]) -> None:
    prepared = quantized().prepared
    alone = sensitivities(prepared, BATCHES[0])
    with executor(2) as pool:
        assert sensitivities(prepared, BATCHES[0], pool) == alone
    assert all(each.noise >= 0 for each in alone)


def test_plans_rise_step_by_step_and_know_what_stays_in_int8() -> None:
    prepared = quantized().prepared
    macs = macs_of(prepared.graph, BATCHES[0])
    per_sample = {"a": 64 * 4 * 3 * 9, "b": 64 * 4 * 4 * 9, "c": 0, "d": 0, "y": 64 * 2 * 4}
    assert macs == {name: 8 * count for name, count in per_sample.items()}
    plans = plans_of(sensitivities(prepared, BATCHES[0]), macs)
    wide = [plan for plan in plans if {each.precision for each in plan.raised} == {"int16"}]
    assert [len(plan.raised) for plan in wide] == list(range(1, len(wide) + 1))
    for plan in wide:
        names = {name for each in plan.raised for name in each.names}
        above = sum(macs[layer] for layer, read in (("a", "x"), ("b", "a"), ("y", "d")) if read in names)
        assert plan.int8_share == pytest.approx(1 - above / sum(macs.values()))
    assert plans[-1].int8_share == pytest.approx(0)


def samples() -> dict[str, Array]:
    return {"x": np.concatenate([batch["x"] for batch in BATCHES])}


def test_convert_keeps_a_least_sqnr() -> None:
    plain = reached(edgeconv.convert(network(), calibration=samples()).graph)
    model = edgeconv.convert(network(), calibration=samples(), evaluation={"x": HELD}, min_sqnr=plain + 2)
    assert reached(model.graph) >= plain + 2
    assert model.refinement is not None
    assert model.refinement.raised
    assert "held above int8" in edgeconv.evaluate(model, {"x": HELD}, reference=network()).to_text()


def test_convert_keeps_labelled_accuracy() -> None:
    outputs = Interpreter(to_program(network()))(HELD)
    labels = outputs.reshape(len(outputs), -1).argmax(axis=1)
    flat = edgeconv.convert(network(), calibration=samples())
    data_ = {"x": HELD, "labels": labels}
    assert flat.refinement is not None
    with pytest.raises(UsageError, match="labels"):
        edgeconv.convert(network(), calibration=samples(), evaluation={"x": HELD}, max_drop=0.1)
    with pytest.raises(UsageError, match="one of the two"):
        edgeconv.convert(network(), calibration=samples(), evaluation=data_, max_drop=0.1, min_sqnr=3)
    with pytest.raises(UsageError, match="evaluation=DATA"):
        edgeconv.convert(network(), calibration=samples(), min_sqnr=3)


def test_an_accuracy_that_nothing_reaches_is_an_error() -> None:
    with pytest.raises(AccuracyError, match=r"the best of \d+ attempts reached .* dB where 500 dB are asked for"):
        edgeconv.convert(network(), calibration=samples(), evaluation={"x": HELD}, min_sqnr=500)


def test_what_was_reached_is_the_best_of_all_attempts() -> None:
    attempts = tuple(Attempt((), share, value, False) for share, value in ((1.0, 30.0), (0.5, 40.0), (0.2, 35.0)))
    message = Target(
        Interpreter(to_program(network())),
        open_data({"x": HELD}, Interpreter(to_program(network())).input_types),
        "sqnr",
        50,
    ).failure(RefinementRecord("default", attempts=attempts))
    assert "the best of 3 attempts reached 40.0 dB where 50 dB are asked for, with 50 %" in message


def test_samples_held_out_of_the_search_tell_the_result() -> None:
    plain = reached(edgeconv.convert(network(), calibration=samples()).graph)
    with ThreadPoolExecutor(2) as pool:
        model = edgeconv.convert(
            network(), calibration=samples(), evaluation={"x": HELD}, min_sqnr=plain + 2, hold_out=0.5, executor=pool
        )
    assert model.refinement is not None
    told = model.refinement.held_out
    assert told is not None
    odd = HELD[1::2]
    wanted, found = (Interpreter(to_program(graph))(odd) for graph in (network(), model.graph))
    assert told.samples == len(odd)
    assert told.value == pytest.approx(sqnr(wanted, found), abs=1e-6)
    assert "4 samples held out of the search" in edgeconv.evaluate(model, {"x": HELD}, reference=network()).to_text()


def test_a_choice_among_several_measurements_is_said() -> None:
    plain = reached(edgeconv.convert(network(), calibration=samples()).graph)
    model = edgeconv.convert(network(), calibration=samples(), evaluation={"x": HELD}, min_sqnr=plain + 2)
    text = edgeconv.evaluate(model, {"x": HELD}, reference=network()).to_text()
    assert "measurements on the samples of --eval" in " ".join(text.split())


def test_a_group_that_is_too_dear_does_not_keep_others_from_16_bits() -> None:
    """In order of harm for the cost: free (nothing), dear (half of all), table (has no 16 bits), cheap, and late, whose
    product has been paid for."""
    readers = {"free": (), "dear": ("p",), "table": ("r",), "cheap": ("q",), "late": ("q",)}
    noises = {"free": 1e-9, "dear": 9.0, "table": 1.0, "cheap": 0.5, "late": 1e-3}
    rated = [
        Sensitivity(Group((name,), frozenset(keys), frozenset(keys), name != "table"), noises[name])
        for name, keys in readers.items()
    ]
    plan = plan_within(rated, {"p": 50, "q": 10, "r": 10, "s": 30}, 0.85)
    assert [each.names for each in plan.raised] == [("free",), ("cheap",), ("late",)]
    assert plan.int8_share == pytest.approx(0.9)


def shortcut() -> Graph:
    """x -> h -> r, to which s, a convolution of x, is added; the mean p of r; y of p, and its Softmax."""
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 3, 8, 8))})
    x = Ref("x", emitter.types["x"])
    for name, seed in (("h", 0), ("s", 1)):
        emitter.emit([Conv((1, 1), (1, 1, 1, 1), (1, 1))(x, data(4, 3, 3, 3, seed=seed), data(4))], [name], name)
    h, s = (Ref(name, emitter.types[name]) for name in "hs")
    emitter.emit([Conv((1, 1), (1, 1, 1, 1), (1, 1))(h, data(4, 4, 3, 3, seed=2), data(4), s)], ["r"], "r")
    emitter.emit([ReduceMean((2, 3), keep_dims=False)(Ref("r", emitter.types["r"]))], ["p"], "p")
    emitter.emit([Dense()(Ref("p", emitter.types["p"]), data(4, 5) / 20, data(5))], ["l"], "l")
    emitter.emit([Softmax(1)(Ref("l", emitter.types["l"]))], ["y"], "y")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def test_what_nothing_multiplies_is_held_in_16_bits_by_default_but_for_the_ends() -> None:
    made = quantize_recorded(shortcut(), BATCHES, QuantConfig())
    held = {name: made.graph.types[name].dtype for name in "xhsrply"}
    assert held == {**dict.fromkeys("xhy", "int8"), **dict.fromkeys("srpl", "int16")}
    assert made.record.free == tuple("srpl")
    assert Interpreter(to_program(made.graph)).run(None, {"x": HELD}, raw=True)[0].dtype == np.int8


def test_16_bits_that_cost_nothing_are_a_refinement_like_others() -> None:
    made = quantize_recorded(shortcut(), BATCHES, QuantConfig(refinements=("bias", "gptq", "fit")))
    assert made.record.free == ()
    assert {made.graph.types[name].dtype for name in "xhsrply"} == {"int8"}


def narrowing() -> Graph:
    """x -> 32 wide layers -> h -> a depthwise layer, d -> 32 wide layers -> y; h has few products and coarse steps."""
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 32, 8, 8))})
    x, spread = Ref("x", emitter.types["x"]), np.geomspace(1, 40, 32, dtype=np.float32)
    dense = data(32, 32, 3, 3, seed=3) / 12
    emitter.emit([Conv((1, 1), (1, 1, 1, 1), (1, 1), high=200.0)(x, dense * spread[:, None, None, None], data(32))],
                 ["h"], "h")  # fmt: skip
    depthwise = data(32, 1, 3, 3, seed=4) / spread[:, None, None, None]
    h, same = Ref("h", emitter.types["h"]), (1, 1, 1, 1)
    emitter.emit([Conv((1, 1), same, (1, 1), 32)(h, depthwise, data(32))], ["d"], "d")
    emitter.emit([Conv((1, 1), same, (1, 1))(Ref("d", emitter.types["d"]), dense, data(32))], ["y"], "y")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def test_what_harms_most_for_few_products_is_held_in_16_bits_by_default() -> None:
    batches = [{"x": data(8, 32, 8, 8, seed=seed)} for seed in range(4)]
    made = quantize_recorded(narrowing(), batches, QuantConfig())
    assert {name: made.graph.types[name].dtype for name in "xhdy"} == {**dict.fromkeys("xdy", "int8"), "h": "int16"}
    (cheap,) = made.record.cheap
    assert cheap.names == ("h",)
    assert cheap.macs == pytest.approx(9 / (2 * 32 * 9 + 9))
    assert int8_share(made.prepared, macs_of(made.prepared.graph, batches[0])) == pytest.approx(1 - cheap.macs)
    others = ("equalize", "bias", "gptq", "fit", "free")
    plain = quantize_recorded(narrowing(), batches, QuantConfig(refinements=others))
    held = {"x": data(8, 32, 8, 8, seed=9)}
    reference, *found = (
        Interpreter(to_program(graph)).run(None, held)[0] for graph in (narrowing(), made.graph, plain.graph)
    )
    assert sqnr(reference, found[0]) > sqnr(reference, found[1]) + 3


def test_raising_more_rates_int8_beside_what_is_free() -> None:
    """What is in 16 bits from the start is rated as int8, as all the rest."""
    made = quantize_recorded(shortcut(), BATCHES, QuantConfig("mse"))
    steps = ("equalize", "unseen", "bias", "gptq", "fit")
    plain = quantize_recorded(shortcut(), BATCHES, QuantConfig("mse", refinements=steps))
    narrow = made.prepared.raised(())
    assert narrow.qparams == plain.prepared.qparams
    assert narrow.free == ()
