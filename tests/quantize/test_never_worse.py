"""What got worse is not written: on random small networks no effort loses to the one below (but for sampling noise).

Held-back samples are those that nothing is fitted to, as `Judge` measures them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from edgeconv.core import Array, TensorType
from edgeconv.dims import symbol
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.reduce import ReduceMax, ReduceMean
from edgeconv.ops.sigmoid import Sigmoid
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, Quantized, quantize_recorded
from edgeconv.quantize.judge import HeldBack, Judge
from edgeconv.quantize.refine.stepper import judging

SEEDS = range(12)
MOST = 0.75
"""dB that 32 samples may say of a network whose choices the other samples made."""


def network(seed: int) -> Graph:
    """One to five layers of several kinds, channels up to some hundred times apart; then a mean or a maximum."""
    rng = np.random.default_rng(seed)
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 2, 8, 8))})
    x, spread = Ref("x", emitter.types["x"]), rng.uniform(0, 2)
    for number in range(int(rng.integers(1, 6))):
        kind = rng.choice(["dense", "depthwise", "residual", "sigmoid"], p=[0.4, 0.25, 0.2, 0.15])
        x = added(emitter, f"{kind}{number}", layer(rng, x, kind, spread))
    pooled = (ReduceMean if rng.random() < 0.7 else ReduceMax)((2, 3), keep_dims=False)(x)
    x = added(emitter, "pooled", pooled)
    weight = rng.normal(size=(channels_of(x), 5)).astype(np.float32)
    added(emitter, "y", Dense()(x, weight, rng.normal(size=5).astype(np.float32)))
    return simplify(Graph(emitter.nodes, emitter.types, ["x"], ["y"]))


def channels_of(x: Ref) -> int:
    channels = x.type.shape[1]
    assert isinstance(channels, int)
    return channels


def added(emitter: Emitter, name: str, step: Expr) -> Ref:
    emitter.emit([step], [name], name)
    return Ref(name, emitter.types[name])


def layer(rng: np.random.Generator, x: Ref, kind: str, spread: float) -> Expr:
    channels = channels_of(x)
    if kind == "sigmoid":
        return Sigmoid()(x)
    if kind == "residual":
        return Add()(x, convolved(rng, x, channels, 1, 0.0))
    is_depthwise = kind == "depthwise"
    return convolved(rng, x, channels if is_depthwise else int(rng.integers(2, 17)), channels**is_depthwise, spread)


def convolved(rng: np.random.Generator, x: Ref, channels: int, groups: int, spread: float) -> Expr:
    per_group = channels_of(x) // groups
    scale = np.exp(spread * rng.normal(size=channels))
    weight = rng.normal(size=(channels, per_group, 3, 3)) / np.sqrt(9 * per_group) * scale[:, None, None, None]
    bias = 0.3 * rng.normal(size=channels) * scale
    low = 0.0 if rng.random() < 0.7 else -np.inf
    return Conv((1, 1), (1, 1, 1, 1), (1, 1), groups, low=low)(x, weight.astype(np.float32), bias.astype(np.float32))


def samples(seed: int, part: int) -> Array:
    """Of one of four distributions."""
    rng, shape = np.random.default_rng((seed, part)), (32, 2, 8, 8)
    drawn = (rng.normal(size=shape), rng.standard_t(3, size=shape), rng.laplace(size=shape), rng.uniform(size=shape))
    return drawn[seed % 4].astype(np.float32)


@cache
def batches(seed: int) -> list[dict[str, Array]]:
    return [{"x": samples(seed, part)} for part in range(6)]


@cache
def made(seed: int, effort: str) -> Quantized:
    return quantize_recorded(network(seed), batches(seed), QuantConfig(effort=effort))


@pytest.mark.parametrize("seed", SEEDS)
def test_default_loses_nothing_to_fast(seed: int) -> None:
    judge = Judge(network(seed), judging(made(seed, "default").few))
    fast, default = (judge.sqnr(made(seed, effort).graph) for effort in ("fast", "default"))
    assert default > fast - MOST


@pytest.mark.parametrize("seed", SEEDS)
def test_what_made_the_whole_worse_is_undone_and_said(seed: int) -> None:
    record = made(seed, "default").record
    scores = {trial.name: trial.sqnr for trial in record.trials}
    assert record.is_unrefined == (scores["refined"] < scores["unrefined"])
    assert [trial.sqnr for trial in record.trials if trial.taken] == [max(scores.values())]


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_best_loses_nothing_to_default(seed: int) -> None:
    default, best = made(seed, "default"), made(seed, "best")
    judge = Judge(network(seed), HeldBack(best.few, batches(seed)))
    assert judge.samples == 32 + 64
    assert judge.sqnr(best.graph) >= judge.sqnr(default.graph)
