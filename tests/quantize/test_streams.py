"""Residual streams: held in 16 bits where the output shows their rounding, with copies in 8 bits for the products."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.dims import symbol
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.quantize import QuantConfig, Quantized, quantize_recorded
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

BLOCKS = 6
BATCHES = [{"x": data(8, 4, 8, 8, seed=seed)} for seed in range(4)]
HELD = {"x": data(8, 4, 8, 8, seed=9)}


def network(branch: float) -> Graph:
    """x -> r0; r1 = r0 + a layer of r0, and so on to r6; y is made of it. `branch`: the size of the layers' weights."""
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 4, 8, 8))})

    def layer(name: str, source: str, weight: float, residual: bool = False) -> None:
        x = Ref(source, emitter.types[source])
        made = Conv((1, 1), (1, 1, 1, 1), (1, 1))(
            x, data(4, 4, 3, 3, seed=len(emitter.nodes)) * np.float32(weight), data(4), *([x] if residual else [])
        )
        emitter.emit([made], [name], name)

    layer("r0", "x", 0.2)
    for number in range(BLOCKS):
        layer(f"r{number + 1}", f"r{number}", branch, residual=True)
    layer("y", f"r{BLOCKS}", 0.2)
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def quantized(graph: Graph, *more: str) -> Quantized:
    return quantize_recorded(graph, BATCHES, QuantConfig(refinements=("bias", "gptq", "fit", "free", *more)))


def decibels(graph: Graph, made: Quantized) -> float:
    wanted, found = (Interpreter(to_program(each)).run(None, HELD)[0] for each in (graph, made.graph))
    return sqnr(wanted, found)


def test_a_stream_is_added_in_16_bits_and_multiplied_in_8() -> None:
    graph = network(0.03)
    made, plain = quantized(graph, "streams"), quantized(graph)
    streams = [f"r{number}" for number in range(BLOCKS)]
    assert set(made.record.free) == set(streams)
    for name, node in zip(streams, made.graph.nodes[2::2], strict=True):
        assert node.op_name == "Conv"
        assert node.inputs[3] == name
        assert [made.graph.types[node.inputs[at]].dtype for at in (3, 0)] == ["int16", "int8"]
    assert plain.record.free == ()
    assert decibels(graph, made) > decibels(graph, plain) + 2


def test_where_products_show_as_much_of_the_rounding_the_stream_stays_in_8_bits() -> None:
    graph = network(2.0)
    made = quantized(graph, "streams")
    assert made.record.free == ()
    assert [node.op_name for node in made.graph.nodes] == ["Conv"] * (BLOCKS + 2)


def test_a_name_that_is_taken_is_left_alone() -> None:
    graph = network(0.03)
    graph.types["r0.narrow"] = graph.types["r0"]
    assert "r0" not in quantized(graph, "streams").record.free


@pytest.mark.parametrize("memory", ["fast", "small"])
def test_copies_are_the_same_bytes_in_every_form(memory: str) -> None:
    program = to_program(quantized(network(0.03), "streams").graph)
    (whole,) = Interpreter(program).run(None, HELD, raw=True)
    one_by_one = Interpreter(program, memory=memory)
    rows = [one_by_one.run(None, {"x": row[None]}, raw=True)[0] for row in HELD["x"]]
    np.testing.assert_array_equal(np.concatenate(rows), whole)
