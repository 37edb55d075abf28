"""fold_affine_after, fold_affine_before, fuse_affine: BatchNorm, Mul and Add into linear operators and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeconv.core import Array
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.passes.fold_affine import fold_affine_after, fold_affine_before
from edgeconv.passes.fuse_affine import fuse_affine
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.sink_affine import sink_affine
from tests.passes.building import array, counts, graph_of, model_of, proved

IMAGE = "x:float[N,4,7,7]"


def norm(channels: int, seed: int = 0) -> dict[str, Array]:
    """Constants of a BatchNormalization."""
    return {
        "bn_s": array(channels, seed=seed, low=0.5, high=2),
        "bn_b": array(channels, seed=seed + 1),
        "bn_m": array(channels, seed=seed + 2),
        "bn_v": array(channels, seed=seed + 3, low=0.2, high=2),
    }


NORM = "BatchNormalization({}, bn_s, bn_b, bn_m, bn_v)"

LINEARS = {
    "conv": ("Conv({}, w, b)", IMAGE, array(6, 4, 3, 3), "Conv"),
    "conv_without_bias": ("Conv <pads = [1, 1, 1, 1]> ({}, w)", IMAGE, array(6, 4, 3, 3), "Conv"),
    "grouped": ("Conv <group = 2> ({}, w, b)", IMAGE, array(6, 2, 3, 3), "Conv"),
    "depthwise": ("Conv <group = 4> ({}, w)", IMAGE, array(4, 1, 3, 3), "Conv"),
    "conv_1d": ("Conv ({}, w)", "x:float[N,4,7]", array(6, 4, 3), "Conv"),
    "transposed": ("ConvTranspose <strides = [2, 2]> ({}, w)", IMAGE, array(4, 6, 3, 3), "ConvTranspose"),
    "transposed_grouped": (
        "ConvTranspose <group = 2, pads = [1, 1, 1, 1]> ({}, w, b)", IMAGE, array(4, 3, 3, 3), "ConvTranspose",
    ),
    "dense": ("Gemm({}, w, b)", "x:float[N,5]", array(5, 6), "Dense"),
    "dense_without_bias": ("MatMul({}, w)", "x:float[N,5]", array(5, 6), "Dense"),
}  # fmt: skip


def outputs_of_linear(text: str, weight: Array) -> int:
    """Output channels of one of LINEARS."""
    groups = int(text.split("group = ")[1][0]) if "group" in text else 1
    return weight.shape[1] * groups if text.startswith(("ConvT", "Gemm", "MatMul")) else weight.shape[0]


@pytest.mark.parametrize(("text", "inputs", "weight", "op"), LINEARS.values(), ids=LINEARS)
def test_batch_norm_goes_into_the_operator_before(text: str, inputs: str, weight: Array, op: str) -> None:
    outputs = outputs_of_linear(text, weight)
    body = f"a = {text.format('x')}\ny = {NORM.format('a')}"
    graph = graph_of(inputs, body, w=weight, b=array(outputs), **norm(outputs))
    folded = proved(graph, fold_affine_after)
    assert counts(folded) == {op: 1}
    assert folded.types[folded.nodes[0].inputs[1]].dtype == "float32"


@pytest.mark.parametrize(("text", "inputs", "weight", "op"), LINEARS.values(), ids=LINEARS)
def test_batch_norm_goes_into_the_operator_behind(text: str, inputs: str, weight: Array, op: str) -> None:
    channels = int(inputs.split(",")[1].strip("]"))
    body = f"a = {NORM.format('x')}\ny = {text.format('a')}"
    graph = graph_of(inputs, body, w=weight, b=array(outputs_of_linear(text, weight)), **norm(channels))
    folded = proved(graph, fold_affine_before)
    assert counts(folded) == ({"BatchNorm": 1, op: 1} if op == "ConvTranspose" else {op: 1})


@pytest.mark.parametrize(("text", "inputs", "weight", "op"), LINEARS.values(), ids=LINEARS)
def test_scale_alone_goes_into_the_operator_behind(text: str, inputs: str, weight: Array, op: str) -> None:
    channels, rank = int(inputs.split(",")[1].strip("]")), inputs.count(",") + 1
    graph = graph_of(
        inputs, f"a = Mul(x, c)\ny = {text.format('a')}", w=weight, b=array(outputs_of_linear(text, weight)),
        c=array(channels, *(1,) * (rank - 2)),
    )  # fmt: skip
    assert counts(proved(graph, fold_affine_before)) == {op: 1}


ELEMENTWISE = {
    "mul": "y = Mul(a, c)",
    "mul_first": "y = Mul(c, a)",
    "div": "y = Div(a, c)",
    "add": "y = Add(a, c)",
    "sub": "y = Sub(a, c)",
    "sub_from": "y = Sub(c, a)",
    "neg": "y = Neg(a)",
    "scalar": "y = Mul(a, two)",
    "full_rank": "y = Add(c4, a)",
    "chain": "d = Mul(a, c)\ne = Add(d, two)\ny = Div(e, c4)",
    "hard_sigmoid": "y = HardSigmoid(a)",
}


@pytest.mark.parametrize("body", ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_elementwise_constants_go_into_the_conv(body: str) -> None:
    graph = graph_of(
        IMAGE, f"a = Conv(x, w, b)\n{body}", w=array(6, 4, 3, 3), b=array(6), c=array(6, 1, 1, low=0.5),
        c4=array(1, 6, 1, 1, low=0.5), two=2.0,
    )  # fmt: skip
    assert counts(proved(graph, fold_affine_after)) == {"Conv": 1}


@pytest.mark.parametrize("body", ["a = MatMul(x, w)\ny = Add(a, c)", "a = MatMul(x, w)\ny = Mul(c, a)"])
def test_elementwise_constants_go_into_the_dense(body: str) -> None:
    assert counts(proved(graph_of("x:float[N,3,5]", body, w=array(5, 6), c=array(6)), fold_affine_after)) == {
        "Dense": 1
    }


CLAMPED = {
    "scale_of_relu": ("r = Relu(a)\ny = Mul(r, two)", 1),
    "per_channel_scale_of_relu": ("r = Relu(a)\ny = Mul(r, c)", 1),
    "shift_of_relu6": ("r = Clip(a, zero, six)\nd = Add(r, two)\ny = Div(d, two)", 1),
    "clamp_of_its_own": ("d = Mul(a, c)\ny = Relu(d)", 1),
}


@pytest.mark.parametrize(("body", "left"), CLAMPED.values(), ids=CLAMPED)
def test_clamps_are_moved_along(body: str, left: int) -> None:
    graph = graph_of(
        IMAGE, f"a = Conv(x, w)\n{body}", w=array(6, 4, 3, 3), c=array(6, 1, 1, low=0.5), two=2.0, zero=0.0, six=6.0
    )
    assert len(proved(graph).nodes) == left


AFTER_KEPT = {
    "used": "a = Conv(x, w)\ny = Mul(a, c)\nz = Neg(a)",
    "an_output": "z = Conv(x, w)\ny = Mul(z, c)",
    "shift_of_relu": "a = Conv(x, w)\nr = Relu(a)\ny = Add(r, c)\nz = Neg(x)",
    "negative_scale_of_relu": "a = Conv(x, w)\nr = Relu(a)\ny = Mul(r, minus)\nz = Neg(x)",
    "relu6_per_channel": "a = Conv(x, w)\nr = Clip(a, zero, six)\ny = Mul(r, c)\nz = Neg(x)",
    "by_row": "a = Conv(x, w)\ny = Mul(a, rows)\nz = Neg(x)",
    "one_over": "a = Conv(x, w)\ny = Div(c, a)\nz = Neg(x)",
    "enlarging": "a = Conv(x, w)\ny = Mul(a, larger)\nz = Neg(x)",
    "infinite": "a = Conv(x, w)\ny = Div(a, zeros)\nz = Neg(x)",
    "variable_weight": "n = Neg(v)\na = Conv(x, n)\ny = Mul(a, c)\nz = Neg(x)",
    "variable_bias": "n = Neg(u)\na = Conv(x, w, n)\ny = Mul(a, c)\nz = Neg(x)",
    "transposed_hard_sigmoid": "a = ConvTranspose(x, w46)\ny = HardSigmoid(a)\nz = Neg(x)",
    "other_axis": "a = MatMul(x, m)\ny = Mul(a, rows)\nz = Neg(x)",
    "batch_norm_of_dense": "a = MatMul(t, m)\ny = BatchNormalization(a, bn_s, bn_b, bn_m, bn_v)\nz = Neg(x)",
}


@pytest.mark.parametrize("body", AFTER_KEPT.values(), ids=AFTER_KEPT)
def test_affine_stays_behind(body: str) -> None:
    graph = graph_of(
        f"{IMAGE};v:float[6,4,3,3];u:float[6];t:float[N,6,7]", body, "y, z", w=array(6, 4, 3, 3),
        w46=array(4, 6, 3, 3), c=array(6, 1, 1, low=0.5), minus=-1.0, zero=0.0, six=6.0, rows=array(5, 1, low=0.5)
        if "rows" in body and "Conv" in body else array(7, 1, low=0.5), larger=array(1, 1, 6, 1, 1),
        zeros=np.zeros((6, 1, 1), np.float32), m=array(7, 3), **norm(6),
    )  # fmt: skip
    clamped = simplify(graph, (fuse_clamp,))
    assert simplify(clamped, (fold_affine_after,)).nodes == clamped.nodes


BEFORE_KEPT = {
    "used": "a = Mul(x, c)\ny = Conv(a, w)\nz = Neg(a)",
    "padded_constant": "n = Mul(x, zeros)\na = Add(n, c)\ny = Conv <pads = [0, 0, 0, 1]> (a, w)\nz = Neg(x)",
    "clamped": "d = Mul(x, c)\na = Relu(d)\ny = Conv(a, w)\nz = Neg(x)",
    "by_row": "a = Mul(x, rows)\ny = Conv(a, w)\nz = Neg(x)",
    "variable": "a = Mul(x, x)\ny = Conv(a, w)\nz = Neg(x)",
}


@pytest.mark.parametrize("body", BEFORE_KEPT.values(), ids=BEFORE_KEPT)
def test_affine_stays_before(body: str) -> None:
    graph = graph_of(
        IMAGE,
        body,
        "y, z",
        w=array(6, 4, 3, 3),
        c=array(4, 1, 1),
        rows=array(7, 1),
        zeros=np.zeros((4, 1, 1), np.float32),
    )
    clamped = simplify(graph, (fuse_clamp, fuse_affine))
    assert simplify(clamped, (fold_affine_before,)).nodes == clamped.nodes


FUSED = {
    "mul_add": ("a = Mul(x, c)\ny = Add(a, d)", "BatchNorm"),
    "sub_div": ("a = Sub(x, d)\ny = Div(a, c)", "BatchNorm"),
    "batch_norm_mul": (f"a = {NORM.format('x')}\ny = Mul(a, c)", "BatchNorm"),
    "batch_norms": (f"a = {NORM.format('x')}\ny = {NORM.format('a')}", "BatchNorm"),
    "scalar_and_channels": ("a = Mul(x, two)\ny = Add(a, d)", "BatchNorm"),
    "scalars": ("a = Mul(x, two)\ny = Div(a, three)", "Mul"),
    "negative": ("a = Neg(x)\ny = Mul(a, three)", "Mul"),
    "shifts": ("a = Add(x, two)\ny = Sub(a, three)", "Add"),
    "vectors": ("a = Mul(x, c)\ny = Mul(a, d)", "BatchNorm"),
}


@pytest.mark.parametrize(("body", "op"), FUSED.values(), ids=FUSED)
def test_affine_maps_are_joined(body: str, op: str) -> None:
    graph = graph_of(IMAGE, body, c=array(4, 1, 1, low=0.5), d=array(4, 1, 1, seed=1), two=2.0, three=3.0, **norm(4))
    assert counts(proved(graph, fuse_affine)) == {op: 1}


UNFUSED = {
    "scalars_that_scale_and_shift": "a = Mul(x, two)\ny = Add(a, two)\nz = Neg(x)",
    "used": "a = Mul(x, c)\ny = Add(a, c)\nz = Neg(a)",
    "by_row": "a = Mul(x, rows)\ny = Add(a, c)\nz = Neg(x)",
    "alone": "y = Mul(x, c)\nz = Relu(x)",
}


@pytest.mark.parametrize("body", UNFUSED.values(), ids=UNFUSED)
def test_affine_maps_stay_apart(body: str) -> None:
    graph = graph_of(IMAGE, body, "y, z", c=array(4, 1, 1), two=2.0, rows=array(7, 1))
    assert simplify(graph, (fuse_affine,)).nodes == graph.nodes


def test_clamp_between_keeps_affine_maps_apart() -> None:
    graph = graph_of(IMAGE, "a = Mul(x, c)\nr = Relu(a)\ny = Add(r, c)", c=array(4, 1, 1))
    assert counts(proved(graph)) == {"Mul": 1, "Add": 1}


def test_relu_before_batch_norm_before_padded_conv() -> None:
    """EtinyNet's block: the second Conv pads with what BatchNorm turns into zeros."""
    body = f"a = Conv(x, w)\nr = Relu(a)\nn = {NORM.format('r')}\ny = Conv <pads = [1, 1, 1, 1]> (n, v)"
    graph = graph_of(IMAGE, body, w=array(6, 4, 3, 3), v=array(3, 6, 3, 3), **norm(6))
    folded = proved(graph)
    assert counts(folded) == {"Conv": 2}
    assert len(folded.nodes[1].op.pad_values) == 6  # type: ignore[attr-defined]


def test_two_batch_norms_before_a_padded_conv() -> None:
    body = f"r = Relu(x)\nn = {NORM.format('r')}\nm = Add(n, c)\ny = Conv <pads = [1, 0, 1, 2]> (m, v)"
    graph = graph_of(IMAGE, body, c=array(4, 1, 1), v=array(3, 4, 3, 3), **norm(4))
    assert counts(proved(graph, fold_affine_before)) == {"Clamp": 1, "Conv": 1}


SUNK = {
    "max_pool": f"a = {NORM.format('x')}\ny = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (a)",
    "clamped_max_pool": "a = Mul(x, c)\nb = Relu(a)\ny = MaxPool <kernel_shape = [2, 2]> (b)",
    "mean": f"a = {NORM.format('x')}\ny = ReduceMean <axes = [2, 3]> (a)",
    "shift": "a = Sub(x, c)\ny = GlobalAveragePool(a)",
    "negative_mean": "a = Neg(x)\ny = GlobalAveragePool(a)",
}


@pytest.mark.parametrize("body", SUNK.values(), ids=SUNK)
def test_affine_goes_behind_the_pooling(body: str) -> None:
    graph = simplify(graph_of(IMAGE, body, c=array(4, 1, 1, low=0.5), **norm(4)), (fuse_clamp,))
    sunk = proved(graph, sink_affine)
    assert [node.op_name for node in sunk.nodes] == [node.op_name for node in graph.nodes[::-1]]


FLOATING = {
    "used": "a = Mul(x, c)\ny = MaxPool <kernel_shape = [2, 2]> (a)\nz = Neg(a)",
    "negative": "a = Neg(x)\ny = MaxPool <kernel_shape = [2, 2]> (a)\nz = Relu(x)",
    "clamped": "b = Mul(x, c)\na = Relu(b)\ny = GlobalAveragePool(a)\nz = Neg(x)",
    "all_axes": "a = Mul(x, c)\ny = ReduceMean <axes = [1, 2]> (a)\nz = Neg(x)",
    "dropped_axes": "a = Mul(x, c)\ny = ReduceMean <axes = [2, 3], keepdims = 0> (a)\nz = Neg(x)",
    "no_affine": "a = Abs(x)\ny = GlobalAveragePool(a)\nz = Neg(x)",
}


@pytest.mark.parametrize("body", FLOATING.values(), ids=FLOATING)
def test_affine_stays_before_the_pooling(body: str) -> None:
    graph = simplify(graph_of(IMAGE, body, "y, z", c=array(4, 1, 1, low=0.5)), (fuse_clamp,))
    assert simplify(graph, (sink_affine,)).nodes == graph.nodes


def test_against_onnx() -> None:
    body = f"a = Conv <pads = [1, 1, 1, 1]> (x, w)\nn = {NORM.format('a')}\nr = Relu(n)\nm = Mul(r, c)\ny = Conv(m, v)"
    model = model_of(IMAGE, body, w=array(6, 4, 3, 3), v=array(3, 6, 3, 3), c=array(6, 1, 1), **norm(6))
    assert counts(proved(load_onnx(model), model=model)) == {"Conv": 2}


_STEPS = {
    "mul": "{y} = Mul({x}, c)",
    "add": "{y} = Add({x}, d)",
    "sub": "{y} = Sub(d, {x})",
    "scalar": "{y} = Mul({x}, two)",
    "relu": "{y} = Relu({x})",
    "clip": "{y} = Clip({x}, minus, two)",
    "norm": "{y} = BatchNormalization({x}, bn_s, bn_b, bn_m, bn_v)",
    "conv": "{y} = Conv({x}, w1, b)",
    "padded": "{y} = Conv <pads = [1, 1, 1, 1]> ({x}, w3)",
    "depthwise": "{y} = Conv <group = 4, pads = [1, 0, 1, 0]> ({x}, w4)",
    "silu": "{y}s = Sigmoid({x})\n{y} = Mul({x}, {y}s)",
    "residual": "{y} = Add({x}, x)",
    "twice": "{y} = Identity({x})",
}


@given(steps=st.lists(st.sampled_from(sorted(_STEPS)), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_chains_compute_the_same(steps: list[str]) -> None:
    """Any order of linear operators, affine maps and clamps, through all of SIMPLIFY."""
    names = ["x", *(f"v{index}" for index in range(1, len(steps))), "y"]
    lines = [_STEPS[step].format(x=a, y=b) for step, a, b in zip(steps, names, names[1:], strict=False)]
    graph = graph_of(
        "x:float[N,4,7,7]", "\n".join(lines), c=array(4, 1, 1, low=0.5), d=array(4, 1, 1, seed=1), two=2.0, minus=-1.0,
        w1=array(4, 4, 1, 1), w3=array(4, 4, 3, 3), w4=array(4, 1, 3, 1), b=array(4), **norm(4),
    )  # fmt: skip
    simplified = proved(graph)
    assert len(simplified.nodes) <= len(graph.nodes)
