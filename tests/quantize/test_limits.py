"""Activations in 16 bits have as few steps as leave the layers that multiply them one product, exact in float32."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.integer import exact_product, span
from edgeconv.ops.mul import Mul
from edgeconv.ops.reshape import Reshape
from edgeconv.quantize import QuantConfig, quantize, quantize_recorded
from edgeconv.runtime import Interpreter
from edgeconv.runtime.planner import resolve_types
from tests.harness import data
from tests.ops.test_int16 import requantized

SIZE = 5


def network(channels: int, low: float, scale: float = 1.0, bias: float = 0.1, flat: bool = False) -> Graph:
    """x (4, 3, 5, 5) -> Conv, clamped from `low` on -> h, in 16 bits -> Conv or Dense with rows that differ -> y."""
    emitter = Emitter({"x": TensorType("float32", (4, 3, SIZE, SIZE))})
    first = Conv((1, 1), (0, 0, 0, 0), (1, 1), low=low)
    emitter.emit([first(Ref("x", emitter.types["x"]), data(channels, 3, 1, 1, seed=1))], ["h"], "first")
    h, rows = Ref("h", emitter.types["h"]), data(6, channels * SIZE * SIZE, seed=2) + 0.5
    if flat:
        y = Dense()(Reshape((4, -1))(h), np.ascontiguousarray(rows.T), data(6) * np.float32(bias))
    else:
        weight = rows[:, : channels * 9].reshape(6, channels, 3, 3).copy()
        weight[0] *= np.float32(scale)
        y = Conv((1, 1), (0, 0, 0, 0), (1, 1))(h, weight, data(6) * np.float32(bias))
    emitter.emit([y], ["y"], "second")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


X = data(4, 3, SIZE, SIZE, seed=7)


def lowered(graph: Graph) -> tuple[Graph, float]:
    """The quantized graph, and the largest magnitude of h in float."""
    config = QuantConfig(method="minmax", refinements=(), raised=tuple((name, "int16") for name in ("h", "y.reshape")))
    seen: dict[str, Array] = {}
    Interpreter(to_program(graph)).run(None, {"x": X}, tap=lambda name, array: seen.update({name: array.copy()}))
    return quantize(graph, [{"x": X}], config), float(np.abs(seen["h"]).max())


def product_of(graph: Graph) -> tuple[Array, Array, tuple[int, int], int]:
    """Integer rows and bias of the second layer, what h is proven to keep, and the largest sum that it can make."""
    program = to_program(graph)
    types = resolve_types(program, {program.inputs[0]: X.shape})
    step = program.steps[-1]
    weight, bias = types[step.inputs[1]].value, types[step.inputs[2]].value
    assert weight is not None and bias is not None
    rows = (weight.T if weight.ndim == 2 else weight.reshape(len(weight), -1)).astype(np.int64)
    low, high = span(types[step.inputs[0]])
    worst = 0
    for row, added in zip(rows.tolist(), bias.tolist(), strict=True):
        worst = max(worst, sum(max(w * low, w * high, 0) for w in row) + abs(added))
        worst = max(worst, -sum(min(w * low, w * high, 0) for w in row) + abs(added))
    return rows, bias.astype(np.int64), (low, high), worst


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("low", [0.0, -np.inf])
def test_one_product_is_exact_and_nothing_that_was_seen_is_cut(low: float, flat: bool) -> None:
    graph, largest = lowered(network(8, low, flat=flat))
    q = graph.types["h"].q
    assert q is not None
    rows, bias, limits, worst = product_of(graph)
    assert limits[1] == round(largest / q.scale[0])
    assert limits[0] == (0 if low == 0 else -limits[1])
    assert 1024 <= limits[1] < 32767
    assert 0.8 * 2**24 < worst < 2**24
    assert exact_product(rows, bias, *limits) == ("float32", 0)


@pytest.mark.parametrize("memory", ["fast", "small"])
@pytest.mark.parametrize("low", [0.0, -np.inf])
def test_beyond_what_was_seen_values_are_clamped_and_sums_stay_exact(low: float, memory: str) -> None:
    graph, _ = lowered(network(8, low))
    (q_h, q_y), node = (graph.types[name].q for name in ("h", "y")), graph.nodes[-1]
    q_w = graph.types[node.inputs[1]].q
    assert q_h is not None and q_y is not None and q_w is not None
    seen: dict[str, Array] = {}
    tap = lambda name, array: seen.update({name: array.copy()})  # noqa: E731
    Interpreter(to_program(graph), memory=memory).run(None, {"x": 50 * X}, tap=tap)
    rows, bias, (_, most), _ = product_of(graph)
    h = seen["h"].astype(np.int64)
    assert h.max() == most
    assert h.min() == (0 if low == 0 else -most)
    windows = np.lib.stride_tricks.sliding_window_view(h, (3, 3), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
    acc = windows.reshape(*windows.shape[:3], -1) @ rows.T + bias
    wanted = requantized(acc, np.array(q_w.scale, np.float64) * q_h.scale[0], q_y, "int8")
    np.testing.assert_array_equal(seen["y"], wanted.transpose(0, 3, 1, 2))


def test_where_one_product_leaves_too_few_steps_there_are_two_and_else_all() -> None:
    cuts, steps = [], []
    for channels in (8, 40, 80):
        graph, largest = lowered(network(channels, -np.inf))
        q = graph.types["h"].q
        assert q is not None
        rows, bias, limits, _ = product_of(graph)
        cuts.append(exact_product(rows, bias, *limits))
        steps.append(largest / q.scale[0])
    assert cuts == [("float32", 0), ("float32", 180), ("float64", 0)]
    assert min(steps) >= 1024
    assert max(steps[:2]) < 10000
    assert round(steps[2]) == 32767


def test_a_row_that_its_bias_outweighs_does_not_limit_the_others() -> None:
    plain, _ = lowered(network(8, 0.0))
    dead, _ = lowered(network(8, 0.0, scale=1e-7))
    first, second = (product_of(graph)[2][1] for graph in (plain, dead))
    assert second >= first
    rows, bias, limits, _ = product_of(dead)
    assert exact_product(rows, bias, *limits) == ("float32", 0)


def test_what_is_not_multiplied_keeps_sixteen_bits() -> None:
    emitter = Emitter({"x": TensorType("float32", X.shape)})
    weight = data(3, 3, 1, 1)
    first = Conv((1, 1), (0, 0, 0, 0), (1, 1))(Ref("x", emitter.types["x"]), weight)
    emitter.emit([first], ["h"], "first")
    h = Ref("h", emitter.types["h"])
    emitter.emit(
        [Conv((1, 1), (0, 0, 0, 0), (1, 1))(Ref("x", emitter.types["x"]), weight, data(3), h)], ["y"], "second"
    )
    graph, largest = lowered(Graph(emitter.nodes, emitter.types, ["x"], ["y"]))
    q = graph.types["h"].q
    assert q is not None
    assert round(largest / q.scale[0]) == 32767
    assert graph.nodes[0].op.high == np.inf  # type: ignore[attr-defined]  # a Conv


def test_what_writes_them_is_refined_like_every_layer() -> None:
    config = QuantConfig(refinements=("bias", "gptq", "fit"), raised=(("h", "int16"),))
    made = quantize_recorded(network(8, 0.0), [{"x": data(4, 3, SIZE, SIZE, seed=seed)} for seed in range(8)], config)
    assert made.graph.nodes[0].op.high < np.inf  # type: ignore[attr-defined]  # a Conv
    assert [layer.output for layer in made.record.layers] == ["h", "y"]


def test_what_becomes_a_table_is_not_clamped() -> None:
    emitter = Emitter({"x": TensorType("float32", (4, 3, SIZE, SIZE))})
    emitter.emit([Mul()(Ref("x", emitter.types["x"]), np.array(0.5, np.float32))], ["h"], "first")
    weight = data(6, 3 * SIZE * SIZE, seed=2).reshape(6, 3, SIZE, SIZE)
    emitter.emit([Conv((1, 1), (0, 0, 0, 0), (1, 1))(Ref("h", emitter.types["h"]), weight, data(6))], ["y"], "second")
    graph, largest = lowered(Graph(emitter.nodes, emitter.types, ["x"], ["y"]))
    assert "Lookup" in {node.op_name for node in graph.nodes}
    q = graph.types["h"].q
    assert q is not None and round(largest / q.scale[0]) == 32767
