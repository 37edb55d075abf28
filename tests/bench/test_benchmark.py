"""A benchmark's sums, names and JSON; counts of calls; turns. No test depends on how long anything takes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgeconv.bench.benchmark import Benchmark, bench
from edgeconv.bench.calls import count_calls
from edgeconv.bench.content import bench_document, bench_json
from edgeconv.bench.machine import Machine, measure_machine
from edgeconv.bench.turns import Timing, take_turns
from edgeconv.ops.jobs import chain
from edgeconv.report.text import render_text
from edgeconv.runtime import Interpreter
from edgeconv.runtime.profile import StepProfile
from edgeconv.runtime.store import Memory
from tests.runtime.models import float_sum, int8_negation

GOLDEN = Path(__file__).parents[1] / "golden" / "digits_resnet.edge"

MADE = Benchmark(
    model="made.edge",
    timing=Timing(0.004, 0.005, 0.006, 12),
    steps=(
        StepProfile("a", "Conv", 0.001, 1_000_000, 64),
        StepProfile("b", "Add", 0.0005, 0, 32),
        StepProfile("c", "Conv", 0.001, 3_000_000, 64),
    ),
    calls=(5, 1, 4),
    memory=Memory(100, 200, 300),
    machine=Machine(macs_per_second=4e9, call_seconds=1e-5),
    peers={"other": Timing(0.002, 0.003, 0.004, 12)},
    file_bytes=50,
)


def test_steps_are_summed_by_operator_the_slowest_first() -> None:
    assert [(each.operator, each.steps, each.calls, each.macs) for each in MADE.operators] == [
        ("Conv", 2, 9, 4_000_000),
        ("Add", 1, 1, 0),
    ]
    assert MADE.operators[0].seconds == pytest.approx(0.002)
    assert MADE.operators[0].macs_per_second == pytest.approx(2e9)
    assert MADE.operators[1].macs_per_second == 0


def test_the_floor_is_calls_and_products() -> None:
    assert MADE.floor == pytest.approx(10 * 1e-5 + 4_000_000 / 4e9)


def test_json_has_its_schema() -> None:
    found = json.loads(json.dumps(bench_json(MADE)))
    assert found["schema"] == "edgeconv/bench/1"
    assert found["seconds"] == {"p50": 0.004, "p90": 0.005, "p99": 0.006, "calls": 12}
    assert found["peers"]["other"]["ratio"] == pytest.approx(2.0)
    assert [step["name"] for step in found["steps"]] == ["a", "b", "c"]
    assert found["operators"][0]["share"] == pytest.approx(0.8)
    assert found["operators"][0]["peak_share"] == pytest.approx(0.5)
    assert found["memory"] == {"arena": 100, "prepared": 200, "scratch": 300, "file": 50}
    assert found["floor"]["calls"] == 10
    assert found["floor"]["ratio"] == pytest.approx(0.004 / 0.0011)


def test_text_names_operators_peers_and_floor() -> None:
    text = render_text(bench_document(MADE))
    for wanted in ("made.edge: 4.000 ms", "other", "2.00", "Conv", "80.0 %", "4,000,000", "600 bytes", "1.100 ms"):
        assert wanted in text
    assert "activations as the file has them" in text


def test_what_takes_nothing_is_not_listed() -> None:
    assert "file has them" not in render_text(bench_document(replace(MADE, memory=Memory(0, 200, 300))))


def test_a_profile_names_the_steps_that_run() -> None:
    interpreter = Interpreter(float_sum())
    a = np.ones((2, 3), np.float32)
    profile = interpreter.profile(a, a, runs=3)
    assert [(step.name, step.operator) for step in profile.steps] == [("first", "Add"), ("second", "Add")]
    assert profile.steps[0].nbytes == 3 * 2 * 3 * 4
    assert profile.runs == 3
    np.testing.assert_array_equal(interpreter(a, a)[1], 4 * a)


def test_a_profile_counts_work() -> None:
    interpreter = Interpreter(GOLDEN)
    known = interpreter.input_type(interpreter.input_names[0])
    x = np.zeros([dim if isinstance(dim, int) else 1 for dim in known.shape], np.float32)
    steps = interpreter.profile(x, runs=1).steps
    assert {step.operator for step in steps if step.macs} >= {"Conv", "Dense"}
    assert all(step.nbytes > 0 for step in steps)


def test_a_benchmark_of_a_real_model_is_whole() -> None:
    interpreter = Interpreter(int8_negation())
    x = np.zeros((1, 4), np.float32)
    found = bench(interpreter, [x], model="negation", peers={"nobody": lambda: None}, seconds=0.0, runs=2)
    assert len(found.calls) == len(found.steps) == 1
    assert found.calls[0] >= 1
    assert found.timing.calls == found.peers["nobody"].calls == 2
    assert found.floor > 0


def test_calls_into_numpy_are_counted() -> None:
    a = np.zeros(3)
    add, multiply = partial(np.add, a, a, a), partial(np.multiply, a, a, a)
    assert count_calls(add) == 1
    assert count_calls(chain([add, multiply])) == 2
    assert count_calls(chain([chain([add, multiply]), add])) == 3


def test_counting_leaves_other_tracers_alone() -> None:
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        count_calls(lambda: 1 / 0)
    assert sys.gettrace() is before


def test_everybody_gets_as_many_turns() -> None:
    calls: list[str] = []
    found = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 0.0)
    assert calls.count("a") == calls.count("b") == 3 * 7
    assert found["a"].calls == found["b"].calls == 3 * 6
    assert found["a"].p50 <= found["a"].p90 <= found["a"].p99
    assert take_turns({"a": lambda: None}, 0.0, 4)["a"].calls == 4


def test_a_machine_is_measured() -> None:
    found = measure_machine()
    assert found.macs_per_second > 0
    assert found.call_seconds > 0
