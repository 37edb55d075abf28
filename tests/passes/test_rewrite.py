"""The rewrite driver: aliases, names of outputs, use counts, results of several outputs, labels."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.errors import InternalError
from edgeconv.graph import Graph, Node
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Abs, Neg
from edgeconv.ops.identity import Identity
from edgeconv.ops.split import Split
from edgeconv.passes import simplify
from edgeconv.passes.rewrite import Rule, View, rewrite
from tests.passes.building import outputs_of, samples_of

KNOWN = TensorType("float32", (2, 4))


def graph(nodes: list[Node], outputs: list[str], **constants: np.ndarray) -> Graph:
    types = {name: KNOWN for node in nodes for name in node.outputs}
    types["x"] = KNOWN
    types.update((name, TensorType(value.dtype.name, value.shape, value=value)) for name, value in constants.items())
    return Graph(nodes, types, ["x"], outputs)


def skip(kind: type) -> Rule:
    """A rule that removes every `kind`: its result is its input."""

    def rule(node: Node, view: View) -> Expr | None:
        return view.ref(node.inputs[0]) if isinstance(node.op, kind) else None

    return rule


def run(before: Graph, rule: Rule) -> tuple[Graph, int]:
    after = before.copy()
    changed = rewrite(after, rule)
    after.check("test")
    assert after.outputs == before.outputs
    return after, changed


def test_alias_of_a_computed_value_is_renamed_to_the_output() -> None:
    nodes = [Node(Neg(), ("x",), ("a",)), Node(Abs(), ("a",), ("y",)), Node(Neg(), ("a",), ("z",))]
    after, changed = run(graph(nodes, ["y", "z"]), skip(Abs))
    assert changed == 1
    assert after.nodes == [Node(Neg(), ("x",), ("y",)), Node(Neg(), ("y",), ("z",))]


def test_output_that_is_an_input_becomes_an_identity() -> None:
    before = graph([Node(Abs(), ("x",), ("y",), "node")], ["y"])
    after, changed = run(before, skip(Abs))
    assert changed == 1
    assert after.nodes == [Node(Identity(), ("x",), ("y",), "node")]
    assert run(after, skip(Identity))[1] == 0


def test_output_that_is_a_constant_becomes_an_identity() -> None:
    value = np.ones((2, 4), np.float32)
    before = graph([Node(Abs(), ("c",), ("y",))], ["y"], c=value)
    after, _ = run(before, lambda node, view: value if isinstance(node.op, Abs) else None)
    assert [node.op for node in after.nodes] == [Identity()]
    np.testing.assert_array_equal(outputs_of(after, samples_of(after))[0], value)


def test_output_that_is_a_constant_reference_becomes_an_identity() -> None:
    before = graph([Node(Abs(), ("c",), ("y",))], ["y"], c=np.ones((2, 4), np.float32))
    after, _ = run(before, skip(Abs))
    assert after.nodes == [Node(Identity(), ("c",), ("y",))]


def test_two_outputs_that_are_one_value_keep_both_names() -> None:
    nodes = [Node(Neg(), ("x",), ("a",)), Node(Abs(), ("a",), ("y",)), Node(Abs(), ("a",), ("z",))]
    after, changed = run(graph(nodes, ["y", "z"]), skip(Abs))
    assert changed == 2
    assert after.nodes == [Node(Neg(), ("x",), ("y",)), Node(Identity(), ("y",), ("z",))]


def test_output_that_is_another_output_becomes_an_identity() -> None:
    nodes = [Node(Neg(), ("x",), ("y",)), Node(Abs(), ("y",), ("z",))]
    after, _ = run(graph(nodes, ["y", "z"]), skip(Abs))
    assert after.nodes == [nodes[0], Node(Identity(), ("y",), ("z",))]


def test_aliases_of_aliases_are_followed() -> None:
    nodes = [Node(Abs(), ("x",), ("a",)), Node(Abs(), ("a",), ("b",)), Node(Neg(), ("b",), ("y",))]
    assert run(graph(nodes, ["y"]), skip(Abs))[0].nodes == [Node(Neg(), ("x",), ("y",))]


def test_alias_of_a_value_that_was_renamed_later() -> None:
    nodes = [
        Node(Neg(), ("x",), ("a",)),
        Node(Abs(), ("a",), ("b",)),
        Node(Abs(), ("a",), ("y",)),
        Node(Add(), ("a", "b"), ("z",)),
    ]
    after, _ = run(graph(nodes, ["y", "z"]), skip(Abs))
    assert after.nodes == [Node(Neg(), ("x",), ("y",)), Node(Add(), ("y", "y"), ("z",))]


def split_graph(outputs: list[str]) -> Graph:
    half = TensorType("float32", (2, 2))
    types = {"x": KNOWN, "a": half, "b": half, "y": half}
    return Graph([Node(Split(1, (2, 2)), ("x",), ("a", "b")), Node(Add(), ("a", "b"), ("y",))], types, ["x"], outputs)


def test_several_outputs_are_replaced_together() -> None:
    def swap(node: Node, view: View) -> tuple[Expr | None, ...] | None:
        if not isinstance(node.op, Split):
            return None
        call = Split(1, (2, 2))(Neg()(view.ref("x")))
        return call[1], call[0]

    before = split_graph(["a", "y"])
    after, changed = run(before, swap)
    assert changed == 1
    x = samples_of(before)["x"]
    first, total = outputs_of(after, {"x": x})
    np.testing.assert_array_equal(first, -x[:, 2:])
    np.testing.assert_array_equal(total, -x[:, 2:] - x[:, :2])


def test_replacement_must_compute_all_that_is_used() -> None:
    with pytest.raises(InternalError, match="does not compute its output 'b'"):
        rewrite(split_graph(["y"]), lambda node, view: (view.ref("a"),) if isinstance(node.op, Split) else None)


def test_unused_output_may_be_left_out() -> None:
    before = split_graph(["a"])
    before.prune()

    def first_half(node: Node, view: View) -> tuple[Expr | None, ...]:
        return (Split(1, (2, 2))(view.ref("x"))[0],)

    assert len(run(before, first_half)[0].nodes) == 1


def test_use_counts_follow_the_replacements() -> None:
    """Abs is read by two Negs; once both are replaced by functions of x, nothing reads it, and one use is left of x."""
    nodes = [
        Node(Abs(), ("x",), ("a",)),
        Node(Neg(), ("a",), ("b",)),
        Node(Neg(), ("a",), ("c",)),
        Node(Add(), ("b", "c"), ("y",)),
    ]
    seen: list[tuple[bool, bool]] = []

    def rule(node: Node, view: View) -> Expr | None:
        seen.append((view.is_used("a"), view.only_use("a")))
        return Clamp(low=0)(view.ref("x")) if isinstance(node.op, Neg) else None

    after, _ = run(graph(nodes, ["y"]), rule)
    assert seen == [(True, False), (True, False), (True, True), (False, False)]
    assert [node.op_name for node in after.nodes] == ["Clamp", "Clamp", "Add"]


def test_new_node_is_called_like_the_node_that_it_continues() -> None:
    nodes = [Node(Add(), ("x", "x"), ("a",), "the add"), Node(Clamp(low=0), ("a",), ("y",), "the clamp")]
    after = simplify(graph(nodes, ["y"]))
    assert after.nodes == [Node(Add(low=0), ("x", "x"), ("y",), "the add")]


def test_failing_pass_is_named() -> None:
    def broken(graph: Graph) -> int:
        raise ZeroDivisionError

    with pytest.raises(InternalError, match="pass broken failed after no other pass: ZeroDivisionError"):
        simplify(split_graph(["y"]), (broken,))


def test_pass_that_breaks_the_graph_is_caught() -> None:
    def broken(graph: Graph) -> int:
        graph.nodes.pop()
        return 1

    with pytest.raises(InternalError, match="after broken: nothing defines the output 'y'"):
        simplify(split_graph(["y"]), (broken,))


def test_log_counts_changes_and_removed_nodes() -> None:
    nodes = [Node(Abs(), ("x",), ("a",)), Node(Abs(), ("a",), ("b",)), Node(Neg(), ("b",), ("y",))]

    def drop_abs(graph: Graph) -> int:
        return rewrite(graph, skip(Abs))

    assert simplify(graph(nodes, ["y"]), (drop_abs,)).log == [("drop_abs", 2, 2)]
