"""Few samples: ranges reach further than what they show, where the network does better so on other samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType
from edgeconv.dims import symbol
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.dense import Dense
from edgeconv.quantize import QuantConfig, Quantized, quantize_recorded
from edgeconv.quantize.calibrate import collect
from edgeconv.quantize.choose import Rounding
from edgeconv.quantize.config import EFFORTS
from edgeconv.quantize.statistics import Statistics
from edgeconv.quantize.unseen import widened
from edgeconv.report.document import Facts, Note
from edgeconv.report.refinement import refinement_blocks, refinement_json
from edgeconv.runtime import Interpreter
from tests.harness import sqnr

FEATURES = 24
WITHOUT = QuantConfig("mse", refinements=tuple(step for step in EFFORTS["default"] if step != "unseen"))


def network() -> Graph:
    """x (N, 24) -> Relu(Dense) -> Dense -> y (N, 6)."""
    rng = np.random.default_rng(0)
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), FEATURES))})
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((FEATURES, 32), (32, 6))]
    hidden = emitter.emit([Dense(low=0.0)(Ref("x", emitter.types["x"]), weights[0])], ["hidden"], "hidden")
    emitter.emit([Dense()(hidden["hidden"], weights[1])], ["y"], "y")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def samples(count: int, seed: int) -> Array:
    """Of unequal loudness: samples that are louder than all of a few are common."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, FEATURES)) * np.exp(0.5 * rng.normal(size=(count, 1)))).astype(np.float32)


def made(x: Array, config: QuantConfig | None = None) -> Quantized:
    return quantize_recorded(network(), [{"x": x}], config or QuantConfig("mse"))


def rounding(graph: Graph, plain: float, wider: float) -> Callable[[Mapping[str, Statistics]], Rounding]:
    """The input rounded to one of two scales."""
    scales = {True: plain, False: wider}
    return lambda seen: (graph, {"x": QParams.per_tensor(scales[seen["x"].reach == (1, 1)], 0)})


def test_few_samples_serve_others_better() -> None:
    others = samples(512, 99)
    reference = Interpreter(to_program(network()))(others)
    gains = []
    for seed in range(8):
        found = [made(samples(16, seed), config).graph for config in (None, WITHOUT)]
        wider, plain = (sqnr(reference, Interpreter(to_program(graph))(others)) for graph in found)
        gains.append(wider - plain)
    assert np.mean(gains) > 1
    assert min(gains) > -0.5


def test_many_samples_are_taken_as_they_are() -> None:
    x = samples(128, 1)
    both = [made(x, config) for config in (None, WITHOUT)]
    assert both[0].record.reach == 1
    assert len({repr(to_program(each.graph)) for each in both}) == 1


def test_values_that_end_at_a_bound_reach_no_further() -> None:
    x = np.clip(3 * samples(16, 2), -1, 1)
    assert made(x).prepared.statistics["x"].reach == (1, 1)


@pytest.mark.parametrize("spread", [0.01, 0.2])
def test_growth_is_half_the_mean_difference_of_two_samples(spread: float) -> None:
    tops = 1 + spread * np.random.default_rng(3).random(8)
    few = [{"x": np.full((1, FEATURES), top, np.float32)} for top in tops]
    graph = network()
    seen = collect(graph, few, ["x"])

    found = widened(graph, seen, few, 8, rounding(graph, plain=0.5, wider=0.01))[0]["x"]
    growth = float(np.mean([abs(a - b) for a, b in combinations(tops, 2)])) / 2 / tops.max()
    assert found.reach[0] == 1
    assert found.reach[1] == pytest.approx(1 + 4 * min(growth, 0.06), rel=1e-5)


def test_what_other_samples_lose_by_is_undone() -> None:
    few = [{"x": samples(4, seed)} for seed in range(4)]
    graph = network()
    seen = collect(graph, few, ["x"])

    found, (sentence,) = widened(graph, seen, few, 16, rounding(graph, plain=0.05, wider=0.5))
    assert found is seen
    assert sentence.startswith("ranges wider for what so few samples do not show: held-back samples got worse by ")


def test_what_was_undone_is_told_beside_the_layers() -> None:
    def told(sentence: str) -> bool:
        return sentence.startswith("ranges wider")

    found = [made(samples(16, seed)).record for seed in range(24)]
    refused = [record for record in found if record.reach == 1 and not record.is_unrefined]
    assert 0 < len(refused) < len(found)
    assert all(any(map(told, record.undone)) == (record.reach == 1) for record in found)
    blocks = tuple(refinement_blocks(refused[0]))
    assert [block.text for block in blocks if isinstance(block, Note) and block.strong] == [
        f"undone: {refused[0].undone[0]}"
    ]
    assert any(row[0] == "layers" for block in blocks if isinstance(block, Facts) for row in block.rows)
    assert refinement_json(refused[0])["undone"] == list(refused[0].undone)
