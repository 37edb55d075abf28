"""Raw features of very different sizes: scaled in float before they become int8, the layers behind taking it back."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, TensorType
from edgeconv.dims import symbol
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.lstm import LSTM
from edgeconv.ops.mul import Mul
from edgeconv.quantize import QuantConfig, float_nodes, quantize
from edgeconv.quantize.refine.raw_features import scale_features
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

SIZES = np.array([1e-3, 1, 20, 300, 1e4], np.float32)
OFFSETS = np.array([0, 1, -5, 1000, 0], np.float32)


def columns(*shape: int, seed: int = 0) -> Array:
    """Features on the last axis, normal, of the sizes above and around the offsets above."""
    return data(*shape, 5, seed=seed) * SIZES + OFFSETS


def graph_of(call: Call) -> Graph:
    emitter = Emitter({"x": call.inputs[0].type})  # type: ignore[union-attr]  # it is a reference
    emitter.emit([call], ["y"], "layer")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def source(*shape: int) -> Ref:
    return Ref("x", TensorType("float32", (symbol("N"), *shape)))


def dense() -> Graph:
    return graph_of(Dense()(source(5), data(5, 6) / SIZES[:, None], data(6)))


def conv() -> Graph:
    weight = data(6, 5, 3) / SIZES.reshape(-1, 1)
    return graph_of(Conv((1,), (1, 1), (1,))(source(5, 20), weight, data(6)))


def lstm() -> Graph:
    weight = data(1, 32, 5) / SIZES * np.float32(0.5)
    op = LSTM(8, "forward", ("sigmoid", "tanh", "tanh"), (0.0,) * 3, (0.0,) * 3, np.inf, batch_first=True)
    return graph_of(op(source(20, 5), weight, data(1, 32, 8) * np.float32(0.2), None))


FORMS = {
    "dense": (dense(), columns(64), columns(500, seed=1)),
    "conv": (conv(), columns(32, 20).transpose(0, 2, 1), columns(60, 20, seed=1).transpose(0, 2, 1)),
    "lstm": (lstm(), columns(32, 20), columns(60, 20, seed=1)),
}


def outputs(graph: Graph, x: Array) -> Array:
    return np.asarray(Interpreter(to_program(graph)).run(None, {"x": x})[0])


@pytest.mark.parametrize("form", FORMS)
def test_small_columns_are_not_lost_beside_large_ones(form: str) -> None:
    graph, calibration, held = FORMS[form]
    want = outputs(graph, held)
    plain, found = (
        quantize(graph, [{"x": calibration}], QuantConfig(refinements=steps)) for steps in ((), ("features",))
    )
    assert sqnr(want, outputs(plain, held)) < 15
    assert sqnr(want, outputs(found, held)) > 30
    reasons = {node.op_name: reason for node, reason in float_nodes(found)}
    assert reasons.keys() == {"Sub", "Mul"}
    assert "raw input features" in reasons["Sub"]


@pytest.mark.parametrize("form", FORMS)
def test_the_float_network_stays_the_same(form: str) -> None:
    graph, calibration, held = FORMS[form]
    scaled = scale_features(graph, [{"x": calibration}])
    assert len(scaled.nodes) == len(graph.nodes) + 2
    assert sqnr(outputs(graph, held), outputs(scaled, held)) > 95


def test_columns_that_are_alike_are_left_alone() -> None:
    graph = dense()
    assert scale_features(graph, [{"x": data(64, 5)}]) is graph


def test_small_columns_that_the_network_does_not_use_are_left_alone() -> None:
    graph = graph_of(Dense()(source(5), data(5, 6) * np.array([[0], [0], [0], [0], [1]], np.float32), data(6)))
    assert scale_features(graph, [{"x": data(64, 5) * SIZES}]) is graph


def test_an_input_that_something_else_reads_is_left_alone() -> None:
    emitter = Emitter({"x": source(5).type})
    x = Ref("x", emitter.types["x"])
    emitter.emit([Dense()(x, data(5, 6) / SIZES[:, None], data(6))], ["y"], "layer")
    emitter.emit([Mul()(x, x)], ["z"], "square")
    graph = Graph(emitter.nodes, emitter.types, ["x"], ["y", "z"])
    assert scale_features(graph, [{"x": columns(64)}]) is graph


def test_a_column_that_never_changes_does_not_become_infinite() -> None:
    x = columns(64)
    x[:, 1] = 0
    x[:, 2] = 7
    held = columns(500, seed=1)
    held[:, 1:3] = x[0, 1:3]
    graph = dense()
    found = quantize(graph, [{"x": x}], QuantConfig(refinements=("features",)))
    assert sqnr(outputs(graph, held), outputs(found, held)) > 30
