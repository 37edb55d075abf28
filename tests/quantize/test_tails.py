"""Tails of detectors: what is measured in pixels does not take the steps of what is a score."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.add import Add
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.concat import Concat
from edgeconv.ops.conv import Conv
from edgeconv.ops.elementwise import Exp
from edgeconv.ops.mul import Mul
from edgeconv.ops.sigmoid import Sigmoid
from edgeconv.ops.transpose import Transpose
from edgeconv.quantize import QuantConfig, float_nodes, quantize
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

X = data(8, 3, 12, 12)
GRID = np.arange(144, dtype=np.float32).reshape(1, 1, 12, 12) * 4


class Net:
    """A graph of named steps, and what it computes in float."""

    def __init__(self) -> None:
        self.emitter = Emitter({"x": TensorType("float32", X.shape)})
        self.values: dict[str, Array] = {"x": X}

    def ref(self, name: str) -> Ref:
        return Ref(name, self.emitter.types[name])

    def step(self, name: str, call: Call) -> Ref:
        self.emitter.emit([call], [name], name)
        arrays = [self.values[each.name] if isinstance(each, Ref) else each for each in call.inputs]
        self.values[name] = call.op.run(*arrays)  # type: ignore[attr-defined]  # every operator here has it
        return self.ref(name)

    def conv(self, name: str, x: Ref, outputs: int, seed: int, scale: float = 1.0) -> Ref:
        weight = data(outputs, x.type.ints[1], 1, 1, seed=seed) * np.float32(scale)
        return self.step(name, Conv((1, 1), (0, 0, 0, 0), (1, 1))(x, weight))

    def lowered(self, output: str) -> Graph:
        graph = Graph(self.emitter.nodes, self.emitter.types, ["x"], [output])
        return quantize(graph, [{"x": X}], QuantConfig(effort="fast"))


def heads(net: Net) -> tuple[Ref, Ref]:
    features = net.conv("features", net.ref("x"), 8, 0)
    return net.conv("offsets", features, 4, 1), net.step("scores", Sigmoid()(net.conv("logits", features, 5, 2)))


def test_scores_beside_pixels_keep_their_own_steps() -> None:
    net = Net()
    offsets, scores = heads(net)
    boxes = net.step("boxes", Add()(offsets, GRID))
    both = net.step("both", Concat(1)(boxes, scores))
    net.step("y", Transpose((0, 2, 3, 1))(both))
    lowered = net.lowered("y")
    found, want = Interpreter(to_program(lowered))(X), net.values["y"]
    assert sqnr(want[..., :4], found[..., :4]) > 55
    assert sqnr(want[..., 4:], found[..., 4:]) > 30
    reasons = {node.op_name: reason for node, reason in float_nodes(lowered)}
    assert reasons.keys() == {"Add", "Concat", "Transpose"}
    assert "boxes or coordinates" in reasons["Add"]


def test_anchors_of_many_sizes_multiply_in_float() -> None:
    net = Net()
    offsets, _ = heads(net)
    sizes = np.array([4, 16, 64, 256], np.float32).reshape(1, 4, 1, 1)
    net.step("y", Mul()(net.step("positive", Sigmoid()(offsets)), sizes))
    lowered = net.lowered("y")
    assert [node.op_name for node, _ in float_nodes(lowered)] == ["Mul"]
    found = Interpreter(to_program(lowered))(X)
    assert all(sqnr(net.values["y"][:, at], found[:, at]) > 30 for at in range(4))


def test_sizes_that_grow_exponentially_are_float() -> None:
    net = Net()
    net.step("y", Exp()(net.conv("sizes", net.conv("features", net.ref("x"), 8, 0), 4, 1, 0.2)))
    lowered = net.lowered("y")
    assert [node.op_name for node, _ in float_nodes(lowered)] == ["Exp"]
    small = net.values["y"] < 1
    found = Interpreter(to_program(lowered))(X)
    assert sqnr(net.values["y"][small], found[small]) > 25


@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_what_goes_into_a_layer_stays_int8(scale: float) -> None:
    net = Net()
    features = net.conv("features", net.ref("x"), 8, 0)
    wide = net.conv("wide", features, 4, 1, scale)
    both = net.step("both", Concat(1)(features, wide))
    net.conv("y", both, 3, 5)
    assert not float_nodes(net.lowered("y"))


def test_parts_of_like_range_are_joined_in_int8() -> None:
    net = Net()
    features = net.conv("features", net.ref("x"), 8, 0)
    net.step("y", Concat(1)(net.conv("a", features, 4, 1), net.conv("b", features, 4, 2)))
    lowered = net.lowered("y")
    assert not float_nodes(lowered)
    assert lowered.types["y"].dtype == "int8"
