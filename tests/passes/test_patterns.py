"""fuse_activation, fuse_hard_sigmoid, fuse_softmax, fuse_layer_norm: every spelling, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeconv.core import Array
from edgeconv.passes import simplify
from edgeconv.passes.fuse_activation import fuse_activation, fuse_hard_sigmoid
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.fuse_layer_norm import fuse_layer_norm
from edgeconv.passes.fuse_softmax import fuse_softmax
from tests.passes.building import array, counts, graph_of, proved

ROWS = "x:float[N,5,8]"
NUMBERS = {
    "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "six": 6.0, "sixth": 1 / 6, "zero": 0.0, "root2": 2**0.5,
    "inverse_root2": 0.5**0.5, "root_2_pi": (2 / np.pi) ** 0.5, "cubic": 0.044715, "minus": -1.0, "slope": 1.702,
    "tiny": 1e-5, "minus_half": -0.5, "ten": 10.0, "tenth": 0.1,
}  # fmt: skip

ERF = "a = Div(x, root2)\nb = Erf(a)\ng = Add(b, one)\n"
CUBE = "p = Pow(x, three)\nq = Mul(p, cubic)\nr = Add(x, q)\ns = Mul(r, root_2_pi)\nt = Tanh(s)\ng = Add(one, t)\n"
HARD = "a = Add(x, three)\ng = Clip(a, zero, six)\n"

ACTIVATIONS = {
    "gelu_torch": (ERF + "h = Mul(x, g)\ny = Mul(h, half)", "Gelu"),
    "gelu_half_first": (ERF + "h = Mul(x, half)\ny = Mul(h, g)", "Gelu"),
    "gelu_half_of_gate": (ERF + "h = Mul(half, g)\ny = Mul(h, x)", "Gelu"),
    "gelu_divided": (ERF + "h = Mul(g, x)\ny = Div(h, two)", "Gelu"),
    "gelu_multiplied": (
        "a = Mul(inverse_root2, x)\nb = Erf(a)\ng = Add(one, b)\nh = Mul(g, half)\ny = Mul(x, h)",
        "Gelu",
    ),
    "gelu_tanh": (CUBE + "h = Mul(x, half)\ny = Mul(h, g)", "Gelu"),
    "gelu_tanh_product": (
        "p = Mul(x, x)\nq = Mul(p, x)\nr = Mul(q, cubic)\ns = Add(r, x)\nt = Mul(root_2_pi, s)\nu = Tanh(t)\n"
        "g = Add(u, one)\nh = Mul(g, x)\ny = Mul(half, h)",
        "Gelu",
    ),
    "gelu_tanh_factored": (
        "p = Mul(x, x)\nq = Mul(p, cubic)\nr = Add(one, q)\ns = Mul(x, root_2_pi)\nt = Mul(s, r)\nu = Tanh(t)\n"
        "g = Add(u, one)\nh = Mul(x, half)\ny = Mul(h, g)",
        "Gelu",
    ),
    "hard_swish": (HARD + "h = Mul(x, g)\ny = Div(h, six)", "HardSwish"),
    "hard_swish_gate_divided": (HARD + "h = Div(g, six)\ny = Mul(h, x)", "HardSwish"),
    "hard_swish_by_a_sixth": (HARD + "h = Mul(x, sixth)\ny = Mul(h, g)", "HardSwish"),
    "hard_swish_slope": ("a = Mul(x, sixth)\nb = Add(a, half)\ng = Clip(b, zero, one)\ny = Mul(g, x)", "HardSwish"),
    "hard_swish_sigmoid": (
        "g = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)\ny = Mul(x, g)",
        "HardSwish",
    ),
    "silu": ("g = Sigmoid(x)\ny = Mul(x, g)", "Silu"),
    "silu_other_order": ("g = Sigmoid(x)\ny = Mul(g, x)", "Silu"),
    "silu_slope": ("a = Mul(x, slope)\ng = Sigmoid(a)\ny = Mul(x, g)", "Silu"),
    "mish": ("a = Softplus(x)\ng = Tanh(a)\ny = Mul(x, g)", "Mish"),
    "mish_log": ("a = Exp(x)\nb = Add(a, one)\nc = Log(b)\ng = Tanh(c)\ny = Mul(x, g)", "Mish"),
}


@pytest.mark.parametrize(("body", "op"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_is_recognised(body: str, op: str) -> None:
    graph = graph_of(ROWS, body, **NUMBERS)
    assert counts(proved(graph, fuse_activation)) == {op: 1}


@pytest.mark.parametrize("first", ["Add(x, three)", "Add(three, x)"])
def test_hard_swish_is_recognised_with_the_clamp_fused_already(first: str) -> None:
    body = f"a = {first}\ng = Clip(a, zero, six)\nh = Mul(x, g)\ny = Div(h, six)"
    assert counts(proved(graph_of(ROWS, body, **NUMBERS), fuse_clamp, fuse_activation)) == {"HardSwish": 1}


def test_product_with_a_clamp_of_its_own_stays() -> None:
    graph = graph_of(ROWS, "g = Sigmoid(x)\na = Mul(x, g)\ny = Clip(a, zero, one)", **NUMBERS)
    assert counts(proved(graph, fuse_clamp, fuse_activation)) == {"Sigmoid": 1, "Mul": 1}
    assert counts(proved(graph)) == {"Silu": 1, "Clamp": 1}


@given(order=st.permutations(["x", "g", "half"]), is_left=st.booleans())
@settings(max_examples=12, deadline=None)
def test_gelu_in_every_order(order: list[str], is_left: bool) -> None:
    first, second, third = order
    products = f"h = Mul({first}, {second})\ny = " + (f"Mul(h, {third})" if is_left else f"Mul({third}, h)")
    assert counts(proved(graph_of(ROWS, ERF + products, **NUMBERS), fuse_activation)) == {"Gelu": 1}


NO_ACTIVATIONS = {
    "gate_used": ERF + "h = Mul(x, g)\ny = Mul(h, half)\nz = Neg(g)",
    "other_variable": ERF + "h = Mul(v, g)\ny = Mul(h, half)\nz = Neg(x)",
    "other_factor": ERF + "h = Mul(x, g)\ny = Mul(h, three)\nz = Neg(x)",
    "other_slope": "a = Div(x, three)\nb = Erf(a)\ng = Add(b, one)\nh = Mul(x, g)\ny = Mul(h, half)\nz = Neg(x)",
    "other_offset": "a = Div(x, root2)\nb = Erf(a)\ng = Add(b, two)\nh = Mul(x, g)\ny = Mul(h, half)\nz = Neg(x)",
    "tanh_other_power": "p = Pow(x, two)\nq = Mul(p, cubic)\nr = Add(x, q)\ns = Mul(r, root_2_pi)\nt = Tanh(s)\n"
    "g = Add(one, t)\nh = Mul(x, half)\ny = Mul(h, g)\nz = Neg(x)",
    "tanh_other_factor": "p = Pow(x, three)\nq = Mul(p, half)\nr = Add(x, q)\ns = Mul(r, root_2_pi)\nt = Tanh(s)\n"
    "g = Add(one, t)\nh = Mul(x, half)\ny = Mul(h, g)\nz = Neg(x)",
    "tanh_of_x": "t = Tanh(x)\ng = Add(one, t)\nh = Mul(x, half)\ny = Mul(h, g)\nz = Neg(x)",
    "hard_other_bound": "a = Add(x, three)\ng = Clip(a, zero, three)\nh = Mul(x, g)\ny = Div(h, six)\nz = Neg(x)",
    "hard_other_low": "a = Add(x, three)\ng = Clip(a, minus, six)\nh = Mul(x, g)\ny = Div(h, six)\nz = Neg(x)",
    "sigmoid_other_variable": "g = Sigmoid(v)\ny = Mul(x, g)\nz = Neg(x)",
    "sigmoid_offset": "a = Add(x, one)\ng = Sigmoid(a)\ny = Mul(x, g)\nz = Neg(x)",
    "sigmoid_scaled": "g = Sigmoid(x)\nh = Mul(x, two)\ny = Mul(h, g)\nz = Neg(x)",
    "sigmoid_of_part": "g = Sigmoid(w)\ny = Mul(w, x)\nz = Mul(x, g)",
    "tanh_no_softplus": "a = Exp(x)\ng = Tanh(a)\ny = Mul(x, g)\nz = Neg(x)",
    "three_factors": "g = Sigmoid(x)\nh = Mul(x, v)\ny = Mul(h, g)\nz = Neg(x)",
}


@pytest.mark.parametrize("body", NO_ACTIVATIONS.values(), ids=NO_ACTIVATIONS)
def test_what_is_no_activation_stays(body: str) -> None:
    graph = graph_of(f"{ROWS};v:float[N,5,8];w:float[1,5,1]", body, "y, z", **NUMBERS)
    assert simplify(graph, (fuse_activation,)).nodes == graph.nodes


def test_gate_of_an_enlarged_input_stays() -> None:
    graph = graph_of("x:float[1,5,8];v:float[N,5,8]", "g = Sigmoid(v)\ny = Mul(x, g)")
    assert simplify(graph, (fuse_activation,)).nodes == graph.nodes


HARD_SIGMOIDS = {
    "slope": "a = Mul(x, tenth)\nb = Add(a, half)\ny = Clip(b, zero, one)",
    "offset": "a = Add(x, half)\ny = Clip(a, zero, one)",
    "divided": "a = Div(x, ten)\nb = Sub(a, minus_half)\ny = Clip(b, zero, one)",
    "backwards": "a = Sub(one, x)\ny = Clip(a, zero, one)",
    "negated": "a = Neg(x)\nb = Add(half, a)\ny = Clip(b, zero, one)",
    "six": "a = Add(x, three)\nb = Clip(a, zero, six)\ny = Div(b, six)",
}


@pytest.mark.parametrize("body", HARD_SIGMOIDS.values(), ids=HARD_SIGMOIDS)
def test_hard_sigmoid_is_recognised(body: str) -> None:
    assert counts(proved(graph_of(ROWS, body, **NUMBERS), fuse_hard_sigmoid)) == {"HardSigmoid": 1}


NO_HARD_SIGMOIDS = {
    "plain_clip": "y = Clip(x, zero, one)\nz = Neg(x)",
    "other_bound": "a = Add(x, half)\ny = Clip(a, zero, two)\nz = Neg(x)",
    "other_low": "a = Add(x, half)\ny = Clip(a, minus, one)\nz = Neg(x)",
    "used": "a = Add(x, half)\ny = Clip(a, zero, one)\nz = Neg(a)",
    "behind_dense": "d = MatMul(x, m)\na = Add(d, half)\ny = Clip(a, zero, one)\nz = Neg(x)",
    "gate_used": "a = Add(x, three)\nb = Clip(a, zero, six)\ny = Div(b, six)\nz = Neg(b)",
    "vector": "a = Add(x, v)\ny = Clip(a, zero, one)\nz = Neg(x)",
    "over_x": "a = Div(one, x)\ny = Clip(a, zero, one)\nz = Neg(x)",
    "there_already": "y = HardSigmoid(x)\nz = Mul(y, one)",
}


@pytest.mark.parametrize("body", NO_HARD_SIGMOIDS.values(), ids=NO_HARD_SIGMOIDS)
def test_what_is_no_hard_sigmoid_stays(body: str) -> None:
    graph = graph_of(ROWS, body, "y, z", m=array(8, 8), v=array(8), **NUMBERS)
    assert simplify(graph, (fuse_hard_sigmoid,)).nodes == graph.nodes


SUM = "s = ReduceSum(e, last)\n"
SOFTMAXES = {
    "plain": "e = Exp(x)\n" + SUM + "y = Div(e, s)",
    "shifted": "m = ReduceMax <axes = [-1]> (x)\nd = Sub(x, m)\ne = Exp(d)\n" + SUM + "y = Div(e, s)",
    "reciprocal": "e = Exp(x)\n" + SUM + "r = Reciprocal(s)\ny = Mul(r, e)",
}


@pytest.mark.parametrize("body", SOFTMAXES.values(), ids=SOFTMAXES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_is_recognised(body: str, axis: int) -> None:
    graph = graph_of(ROWS, body.replace("[-1]", f"[{axis}]"), last=[axis], **NUMBERS)
    assert [str(node.op) for node in proved(graph, fuse_softmax).nodes] == [f"Softmax(axis={axis})"]


def test_log_softmax_is_recognised() -> None:
    graph = graph_of(ROWS, "a = Softmax <axis = 1> (x)\ny = Log(a)")
    assert [str(node.op) for node in proved(graph, fuse_softmax).nodes] == ["LogSoftmax(axis=1)"]


NO_SOFTMAXES = {
    "two_axes": "e = Exp(x)\ns = ReduceSum(e, both)\ny = Div(e, s)\nz = Neg(x)",
    "axis_dropped": "e = Exp(x)\ns = ReduceSum <keepdims = 0> (e, first)\ny = Div(e, s)\nz = Neg(x)",
    "other_numerator": "e = Exp(x)\nf = Abs(x)\n" + SUM + "y = Div(f, s)\nz = Neg(x)",
    "no_exponential": "e = Abs(x)\n" + SUM + "y = Div(e, s)\nz = Neg(x)",
    "mean": "e = Exp(x)\ns = ReduceMean <axes = [-1]> (e)\ny = Div(e, s)\nz = Neg(x)",
    "log_used": "z = Softmax(x)\ny = Log(z)",
}


@pytest.mark.parametrize("body", NO_SOFTMAXES.values(), ids=NO_SOFTMAXES)
def test_what_is_no_softmax_stays(body: str) -> None:
    graph = graph_of(ROWS, body, "y, z", both=[1, 2], first=[0], last=[2])
    assert simplify(graph, (fuse_softmax,)).nodes == graph.nodes


@pytest.mark.parametrize(
    "shift", ["m = ReduceMax <axes = [1]> (x)\nd = Sub(x, m)", "m = ReduceMax <axes = [2]> (x)\nd = Sub(m, x)"]
)
def test_other_shift_stays_before_the_softmax(shift: str) -> None:
    graph = graph_of(ROWS, f"{shift}\ne = Exp(d)\n{SUM}y = Div(e, s)", last=[2])
    assert counts(proved(graph, fuse_softmax)) == {"ReduceMax": 1, "Sub": 1, "Softmax": 1}


CENTRED = "m = ReduceMean <axes = [-1]> (x)\nd = Sub(x, m)\n"
SQUARES = {
    "pow": "q = Pow(d, two)\nv = ReduceMean <axes = [-1]> (q)\nw = Add(v, tiny)\n",
    "mul": "q = Mul(d, d)\nv = ReduceMean <axes = [-1]> (q)\nw = Add(tiny, v)\n",
}
QUOTIENTS = {
    "div": "s = Sqrt(w)\nn = Div({d}, s)\n",
    "reciprocal": "s = Sqrt(w)\nr = Reciprocal(s)\nn = Mul({d}, r)\n",
    "one_over": "s = Sqrt(w)\nr = Div(one, s)\nn = Mul(r, {d})\n",
    "power": "r = Pow(w, minus_half)\nn = Mul({d}, r)\n",
    "root_power": "s = Pow(w, half)\nn = Div({d}, s)\n",
}
AFFINES = {
    "none": "",
    "scale": "y = Mul(n, g)",
    "bias": "y = Add(b, n)",
    "both": "k = Mul(g, n)\ny = Add(k, b)",
}


@pytest.mark.parametrize("square", SQUARES.values(), ids=SQUARES)
@pytest.mark.parametrize("quotient", QUOTIENTS.values(), ids=QUOTIENTS)
@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_layer_norm_is_recognised(square: str, quotient: str, affine: str) -> None:
    body = CENTRED + square + quotient.replace("{d}", "d") + affine
    body = body if affine else body.replace("n = ", "y = ")
    graph = graph_of(ROWS, body, g=array(8), b=array(8, seed=1), **NUMBERS)
    assert counts(proved(graph, fuse_layer_norm)) == {"LayerNorm": 1}


@pytest.mark.parametrize("quotient", QUOTIENTS.values(), ids=QUOTIENTS)
def test_rms_norm_is_recognised(quotient: str) -> None:
    body = "q = Mul(x, x)\nv = ReduceMean <axes = [1, 2]> (q)\nw = Add(v, tiny)\n" + quotient.replace("{d}", "x")
    graph = graph_of(ROWS, body + "y = Mul(n, g)", g=array(5, 8), **NUMBERS)
    assert counts(proved(graph, fuse_layer_norm)) == {"RmsNorm": 1}


TF2ONNX = """m = ReduceMean <axes = [-1]> (x)
d = Sub(x, m)
q = Mul(d, d)
v = ReduceMean <axes = [-1]> (q)
w = Add(v, tiny)
s = Sqrt(w)
i = Reciprocal(s)
r = Mul(i, g)
a = Mul(x, r)
c = Mul(r, m)
e = Sub(b, c)
"""


@pytest.mark.parametrize("last", ["y = Add(a, e)", "y = Add(e, a)"])
@pytest.mark.parametrize("is_scaled", [True, False])
def test_layer_norm_of_tf2onnx_is_recognised(last: str, is_scaled: bool) -> None:
    body = TF2ONNX if is_scaled else TF2ONNX.replace("i = Reciprocal(s)\nr = Mul(i, g)", "r = Reciprocal(s)")
    graph = graph_of(ROWS, body + last, g=array(8), b=array(8, seed=1), **NUMBERS)
    assert counts(proved(graph, fuse_layer_norm)) == {"LayerNorm": 1}


VARIANCE = "q = Mul(d, d)\nv = ReduceMean <axes = [-1]> (q)\nw = Add(v, tiny)\n"
NO_NORMS = {
    "other_rows": CENTRED + VARIANCE.replace("[-1]", "[1]") + "s = Sqrt(w)\ny = Div(d, s)",
    "dropped": CENTRED + VARIANCE.replace("[-1]", "[0], keepdims = 0") + "s = Sqrt(w)\ny = Div(d, s)",
    "not_squared": CENTRED + "v = ReduceMean <axes = [-1]> (d)\nw = Add(v, tiny)\ns = Sqrt(w)\ny = Div(d, s)",
    "cubed": CENTRED + VARIANCE.replace("Mul(d, d)", "Pow(d, three)") + "s = Sqrt(w)\ny = Div(d, s)",
    "no_epsilon": CENTRED + "q = Mul(d, d)\nv = ReduceMean <axes = [-1]> (q)\ns = Sqrt(v)\ny = Div(d, s)",
    "no_root": CENTRED + VARIANCE + "y = Div(d, w)",
    "times_root": CENTRED + VARIANCE + "s = Sqrt(w)\ny = Mul(d, s)",
    "other_numerator": CENTRED + VARIANCE + "s = Sqrt(w)\ny = Div(x, s)",
    "other_mean": TF2ONNX.replace("Mul(r, m)", "Mul(r, v)") + "y = Add(a, e)",
    "variable_bias": TF2ONNX.replace("Sub(b, c)", "Sub(x, c)") + "y = Add(a, e)",
}


@pytest.mark.parametrize("body", NO_NORMS.values(), ids=NO_NORMS)
def test_what_is_no_norm_stays(body: str) -> None:
    graph = graph_of(ROWS.replace("5,8", "8,8"), body, g=array(8), b=array(8, seed=1), **NUMBERS)
    assert simplify(graph, (fuse_layer_norm,)).nodes == graph.nodes


NO_SCALES: dict[str, tuple[str, Array]] = {
    "used": ("y = Mul(n, c)\nz = Neg(n)", array(8)),
    "per_sample": ("y = Mul(n, c)\nz = Neg(x)", array(3, 5, 8)),
    "variable": ("y = Mul(n, x)\nz = Neg(x)", array(8)),
}


@pytest.mark.parametrize(("body", "constant"), NO_SCALES.values(), ids=NO_SCALES)
def test_layer_norm_keeps_its_scale(body: str, constant: Array) -> None:
    inputs = "x:float[3,5,8]" if constant.ndim == 3 else ROWS
    graph = graph_of(inputs, f"n = LayerNormalization(x, g, b)\n{body}", "y, z", g=array(8), b=array(8), c=constant)
    if constant.ndim == 3:
        assert counts(simplify(graph, (fuse_layer_norm,))) == {"LayerNorm": 1, "Neg": 1}
    else:
        assert simplify(graph, (fuse_layer_norm,)).nodes == graph.nodes
