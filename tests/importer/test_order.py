"""Models whose nodes stand in another order than that in which they can be computed."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import onnx
import pytest

from edgeconv.errors import InvalidModelError
from edgeconv.importer import load_onnx
from edgeconv.importer.support import find_obstacles
from tests.harness import data
from tests.importer.models import HEADER, agrees, model_from

CHAIN = """agraph (float[2,3] x) => (float[2,3] y) {
    a = Neg (x)  b = Exp (a)  c = Add (a, b)  y = Mul (c, b) }"""
BRANCH = """agraph (float[3] x, bool c) => (float[3] y) {
    a = Neg (x)  b = Exp (a)
    y = If (c) <then_branch = t () => (float[3] p) { q = Abs (b)  p = Add (q, a) },
                else_branch = e () => (float[3] r) { r = Sqrt (b) }> }"""


def _shuffled(model: onnx.ModelProto, order: tuple[int, ...]) -> onnx.ModelProto:
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes[place] for place in order)
    return model


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_any_order_is_the_same_graph(order: tuple[int, ...]) -> None:
    model = _shuffled(model_from(CHAIN), order)
    assert load_onnx(model).text() == load_onnx(model_from(CHAIN)).text()
    assert find_obstacles(model) == ((), 4)


def test_what_branches_read_comes_first() -> None:
    straight, turned = model_from(BRANCH), _shuffled(model_from(BRANCH), (2, 1, 0))
    branch = turned.graph.node[0].attribute[0].g
    branch.node.insert(0, branch.node.pop())
    feeds = {"x": data(3), "c": np.array(True)}
    agrees(straight, feeds, {"x": data(3), "c": np.array(False)})
    assert load_onnx(turned).text() == load_onnx(straight).text()


def test_a_circle_has_no_order() -> None:
    model = model_from("agraph (float[2] x) => (float[2] y) { a = Add (x, b)  b = Neg (a)  y = Neg (b) }")
    with pytest.raises(InvalidModelError, match="reads 'b', which nothing before it defines"):
        load_onnx(model)


DEAD = """agraph (float[2,3] x) => (float[2,3] y) {
    s = other.Strange (x)  t = Stranger (s)  n = Neg (x)  m = ReduceMin <keepdims = 0> (x)  c = Greater (m, m)
    y = If (c) <then_branch = t1 () => (float[2,3] p) { q = other.Strange (n)  p = Abs (n) },
                else_branch = e1 () => (float[2,3] r) { r = Sqrt (n) }> }"""


def test_what_no_output_needs_may_be_unknown() -> None:
    model = model_from(DEAD, HEADER.replace('"local"', '"other" : 1, "local"'))
    known = DEAD.replace("s = other.Strange (x)  t = Stranger (s)", "").replace("q = other.Strange (n)", "")
    graph = load_onnx(model)
    assert graph.text() == load_onnx(model_from(known)).text()
    agrees(known, {"x": data(2, 3)})
    assert graph.notes == ("left out, since no output needs them, though not supported: Strange 's', Stranger 't'",)
    assert find_obstacles(model) == ((), 6)
