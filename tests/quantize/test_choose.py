"""The observer is chosen by what the network's output shows of rounding to its ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.dims import symbol
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.reduce import ReduceMax, ReduceMean, Reduction
from edgeconv.quantize import EFFORTS, QuantConfig, Quantized, choose, parallel, quantize_recorded
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

SAMPLES = np.random.default_rng(5).laplace(size=(256, 4, 400)).astype(np.float32)
BATCHES = [{"x": batch} for batch in SAMPLES[:128].reshape(8, 16, 4, 400)]
HELD = SAMPLES[128:]
"""Four channels of 400 values with tails that mse clips."""
LARGEST, MEAN = ReduceMax((2,), False), ReduceMean((2,), False)


def net(last: Reduction) -> Graph:
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 4, 400))})
    x = Ref("x", emitter.types["x"])
    layer = Conv((1,), (0, 0), (1,))(x, data(4, 4, 1), data(4))
    emitter.emit([layer], ["h"], "layer")
    emitter.emit([last(Ref("h", layer.type))], ["y"], "last")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def made(last: Reduction, method: str = "auto", **options: Any) -> Quantized:
    return quantize_recorded(net(last), BATCHES, QuantConfig(method=method, **options))


def score(last: Reduction, method: str) -> float:
    """SQNR on samples that were not seen."""
    want, found = (Interpreter(to_program(g))(HELD) for g in (net(last), made(last, method, refinements=()).graph))
    return sqnr(want, found)


def test_a_maximum_reads_the_values_that_mse_clips() -> None:
    assert score(LARGEST, "minmax") > score(LARGEST, "mse") + 8
    found = made(LARGEST, refinements=())
    assert [trial.name for trial in found.record.observed if trial.taken] == ["minmax"]
    assert found.prepared.config.method == "minmax"
    assert to_bytes(to_program(found.graph)) == to_bytes(to_program(made(LARGEST, "minmax", refinements=()).graph))


def test_a_mean_loses_more_by_coarse_steps() -> None:
    found = made(MEAN, refinements=())
    assert [trial.name for trial in found.record.observed if trial.taken] == ["mse"]


def test_every_effort_takes_what_is_clearly_best() -> None:
    for effort in EFFORTS:
        observed = made(LARGEST, effort=effort).record.observed
        assert [trial.name for trial in observed] == ["mse", "percentile", "minmax"]
        assert [trial.sqnr for trial in observed if trial.taken] == [max(trial.sqnr for trial in observed)]


def test_a_difference_that_other_samples_may_turn_round_decides_nothing() -> None:
    samples = np.random.default_rng(6).standard_t(6, (8, 16, 4, 400)).astype(np.float32)
    config = QuantConfig(refinements=())
    mse, *others = quantize_recorded(net(MEAN), [{"x": batch} for batch in samples], config).record.observed
    assert mse.taken
    assert mse.sqnr < max(trial.sqnr for trial in others) < mse.sqnr + 0.4


def test_a_method_that_is_named_holds() -> None:
    found = made(LARGEST, "mse")
    assert found.prepared.config.method == "mse"
    assert found.record.observed == ()


def test_the_choice_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [made(LARGEST, refinements=()).record.observed]
    monkeypatch.setattr(choose, "worker_count", lambda _: 3)
    monkeypatch.setattr(choose, "each", lambda function, items, _: parallel.each(function, items, 3))
    found.append(made(LARGEST, refinements=()).record.observed)
    assert found[0] == found[1]
