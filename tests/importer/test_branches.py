"""If whose condition is known while importing: one branch takes its place."""

from __future__ import annotations

import pytest

from tests.harness import data
from tests.importer.models import agrees

X = data(2, 1, 4)

SQUEEZE = """
agraph (float[{shape}] x) => (float[A,B] y) <int64 one = {{1}}, int64[1] axes = {{1}}> {{
    shape = Shape (x)
    dim = Gather (shape, one)
    is_one = Equal (dim, one)
    y = If (is_one) <
        then_branch = yes () => (a) {{ a = Squeeze (x, axes) }},
        else_branch = no () => (b) {{ b = ReduceMax <keepdims = 0> (x, axes) }}
    >
}}
"""
"""TorchScript writes x.squeeze(1) so."""


@pytest.mark.parametrize("shape", ["2,1,4", "2,3,4", "N,3,4"])
def test_a_condition_on_the_shape(shape: str) -> None:
    x = data(*(2 if dim == "N" else int(dim) for dim in shape.split(",")))
    graph = agrees(SQUEEZE.format(shape=shape), {"x": x})
    assert [node.op_name for node in graph.nodes] == ["Reshape" if x.shape[1] == 1 else "ReduceMax"]


def test_branches_see_what_is_around_them_and_nest() -> None:
    text = """
    agraph (float[2,1,4] x) => (float[A,B,C] y, float[A,B,C] z) <bool yes = {1}, bool no = {0}> {
        outer = Neg (x)
        y, z = If (yes) <
            then_branch = first () => (a, c) <float half = {0.5}> {
                t = Mul (outer, half)
                a = If (no) <
                    then_branch = never () => (n) { n = Exp (t) },
                    else_branch = always () => (m) { m = Add (t, x) }
                >
                c = Identity (outer)
            },
            else_branch = second () => (b, d) { b = Exp (x)  d = Exp (outer) }
        >
    }
    """
    graph = agrees(text, {"x": X})
    assert {node.op_name for node in graph.nodes} == {"Neg", "Mul", "Add"}


def test_a_branch_inside_a_function_sees_its_attributes() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { y = local.f <alpha: float = 0.25> (x) }
    <domain: "local", opset_import: ["" : 18]> f <alpha: float = 0.5> (a) => (b) {
        one = Constant <value_int = 1> ()
        is_on = Cast <to = 9> (one)
        b = If (is_on) <
            then_branch = yes () => (c) { c = LeakyRelu <alpha: float = @alpha> (a) },
            else_branch = no () => (d) { d = Identity (a) }
        >
    }
    """
    agrees(text, {"x": data(2, 4)}, judge="onnxruntime")


def test_names_of_the_two_branches_may_be_the_same() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) <bool yes = {1}> {
        t = Neg (x)
        u = If (yes) < then_branch = a () => (t) { t = Exp (x) }, else_branch = b () => (t) { t = Abs (x) } >
        y = Add (t, u)
    }
    """
    agrees(text, {"x": data(2, 4)})
