"""If whose condition is only known at run time: both branches are programs."""

from __future__ import annotations

import pytest

from edgeconv.api import convert
from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.report.inspection import inspect_program
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr
from tests.importer.models import agrees, model_from

X = data(3, 4)
BOTH = ({"x": X}, {"x": -X})
"""The sums of the two have different signs."""

COND = "s = ReduceSum <keepdims = 0> (x)  c = Greater (s, zero)"
MODELS = {
    "reads values around it": """{ %s  n = Neg (x)  y = If (c) <
        then_branch = a () => (p) { p = Mul (x, n) }, else_branch = b () => (q) { t = Exp (n)  q = Add (t, x) } > }""",
    "hands on, or a constant": """{ %s  n = Neg (x)  y, z = If (c) <
        then_branch = a () => (p, p2) { p = Identity (n)  p2 = Identity (half) },
        else_branch = b () => (q, q2) { q = Identity (x)  q2 = Neg (half) } > }""",
    "the same twice": """{ %s  y, z = If (c) <
        then_branch = a () => (p, p) { p = Neg (x) }, else_branch = b () => (q, r) { q = Exp (x)  r = Sqrt (q) } > }""",
    "nested": """{ %s  d = Less (s, zero)  y = If (c) <
        then_branch = a () => (p) { p = If (d) <
            then_branch = e () => (k) { k = Exp (x) }, else_branch = f () => (l) { m = Mul (x, half) l = Sin (m) } > },
        else_branch = b () => (q) { r = Neg (x)  q = If (d) <
            then_branch = g () => (k) { k = Mul (r, x) }, else_branch = h () => (l) { l = Abs (r) } > } > }""",
    "a layer with weights": """{ %s  y = If (c) <
        then_branch = a () => (p) { p = MatMul (x, weight) },
        else_branch = b () => (q) { t = MatMul (x, weight)  q = Relu (t) } > }""",
    "views of what it reads": """{ %s  t = Transpose <perm = [1, 0]> (x)  y = If (c) <
        then_branch = a () => (p) { r = Reshape (t, flat)  p = Neg (r) },
        else_branch = b () => (q) { r = Reshape (x, flat)  q = Identity (r) } > }""",
}
WEIGHT = ", ".join(str(round(float(item), 3)) for item in data(4, 4, seed=1).reshape(-1))
CONSTANTS = f"float zero = {{0}}, float half = {{0.5}}, float[4,4] weight = {{{WEIGHT}}}, int64[1] flat = {{-1}}"


@pytest.mark.parametrize("batch", ["3", "N"])
@pytest.mark.parametrize("name", MODELS)
def test_both_branches(name: str, batch: str) -> None:
    outputs = "float[] y, float[] z" if "z = If" in MODELS[name] else "float[] y"
    body = MODELS[name].replace("%s", COND)
    model = model_from(f"agraph (float[{batch},4] x) => ({outputs}) <{CONSTANTS}> {body}")
    graph = agrees(model, *BOTH)
    assert [node.op_name for node in graph.nodes].count("If") == 1


def test_weights_are_stored_once_and_counted() -> None:
    body = MODELS["a layer with weights"].replace("%s", COND)
    model = model_from(f"agraph (float[N,4] x) => (float[N,4] y) <{CONSTANTS}> {body}")
    graph = simplify(load_onnx(model))
    (node,) = (node for node in graph.nodes if node.op_name == "If")
    assert [type(step.op).__name__ for step in node.op.else_branch.steps] == ["Dense"], "Relu is fused"
    facts = inspect_program(to_program(graph), "model", None)
    (found,) = (each for each in facts.operators if each.operator == "If")
    assert (found.parameters, found.bytes, found.macs) == (32, 128, 16)


def test_a_branch_stays_float_between_int8_layers() -> None:
    text = f"""
    agraph (float[N,4] x) => (float[N,4] y) <{CONSTANTS}> {{
        m = MatMul (x, weight)
        {COND}
        t = If (c) < then_branch = a () => (p) {{ p = Tanh (m) }}, else_branch = b () => (q) {{ q = Sigmoid (m) }} >
        y = MatMul (t, weight)
    }}
    """
    model = model_from(text)
    samples = data(64, 4, seed=5)
    converted = convert(model, {"x": samples})
    kinds = {node.operator: node.reason for node in converted.float_nodes}
    assert kinds["If"] == "it has no int8 kernel"
    found, want = Interpreter(converted.to_bytes()), Interpreter(to_program(load_onnx(model)))
    for x in (samples[:8], -samples[:8]):
        assert sqnr(want(x), found(x)) > 25


def test_a_condition_that_follows_from_the_shape_picks_a_branch_when_planning() -> None:
    text = """
    agraph (float[N,4] x) => (float[M,4] y) <int64 zero = {0}, int64 two = {2}> {
        shape = Shape (x)
        n = Gather (shape, zero)
        c = Less (n, two)
        y = If (c) <
            then_branch = a () => (p) { p = Concat <axis = 0> (x, x) },
            else_branch = b () => (q) { q = Neg (x) }
        >
    }
    """
    agrees(text, {"x": X[:1]}, {"x": X})


def test_a_branch_that_hands_on_is_taken_where_the_other_has_another_rank() -> None:
    text = """
    agraph (float[N,3,w] x) => (float[M,3,w] y) <int64[1] first = {0}, int64 one = {1}> {
        shape = Shape (x)  n = Gather (shape, first)  c = Equal (n, one)
        z = If (c) <
            then_branch = a () => (p) { p = Squeeze (x, first) },
            else_branch = b () => (q) { q = Identity (x) }
        >
        y = Neg (z)
    }
    """
    x = data(2, 3, 4)
    graph = agrees(text, {"x": x}, {"x": x[:, :, :2]})
    with pytest.raises(EdgeconvError, match=r"Given .* lead an If to the branch .* fix it with --input-shape"):
        Interpreter(to_program(graph))(x[:1])
    assert "Given" not in {node.op_name for node in load_onnx(model_from(text), {"x": (1, 3, 4)}).nodes}


REFUSED = {
    "ranks that differ": ("{ %s y = If (c) < then_branch = a () => (p) { p = Neg (x) }, "
                          "else_branch = b () => (q) { q = ReduceSum <keepdims = 0> (x) } > }", "make them the same"),
    "types that differ": ("{ %s y = If (c) < then_branch = a () => (p) { p = Neg (x) }, "
                          "else_branch = b () => (q) { q = Cast <to = 7> (x) } > }", "make them the same type"),
    "an unknown operator inside": ("{ %s y = If (c) < then_branch = a () => (p) { [deep] p = Hologram (x) }, "
                                   "else_branch = b () => (q) { q = Neg (x) } > }", "Hologram 'deep'"),
    "a float condition": ("{ s = ReduceSum <keepdims = 0> (x) y = If (s) < then_branch = a () => (p) { p = Neg (x) }, "
                          "else_branch = b () => (q) { q = Exp (x) } > }", "one truth value as its condition"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, message = REFUSED[name]
    with pytest.raises(EdgeconvError, match=message):
        load_onnx(model_from(f"agraph (float[3,4] x) => (float y) <{CONSTANTS}> {body.replace('%s', COND)}"))


@pytest.mark.parametrize("batch", ["3", "N"])
def test_branches_of_different_shapes(batch: str) -> None:
    text = f"""
    agraph (float[{batch},4] x) => (float[M,K] y) <{CONSTANTS}> {{
        {COND}
        z = If (c) <
            then_branch = a () => (p) {{ p = Neg (x) }},
            else_branch = b () => (q) {{ q = ReduceSum <keepdims = 1> (x) }}
        >
        y = Exp (z)
    }}
    """
    agrees(text, *BOTH)
