"""remove_identity, fold_constants, share_duplicates, fuse_clamp."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Neg
from edgeconv.passes import simplify
from edgeconv.passes.fold_constants import fold_constants
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.remove_identity import remove_identity
from edgeconv.passes.share_duplicates import share_duplicates
from tests.passes.building import array, counts, graph_of, proved

IMAGE = "x:float[N,3,8,8]"

NOTHING = {
    "identity": "y = Identity(a)",
    "dropout": "y = Dropout(a)",
    "reshape": "y = Reshape(a, shape)",
    "expand": "y = Expand(a, one)",
    "tile": "y = Tile(a, ones)",
    "transpose": "y = Transpose <perm = [0, 1, 2, 3]> (a)",
    "cast": "y = Cast <to = 1> (a)",
    "pad": "y = Pad(a, no_pads)",
    "slice": "y = Slice(a, zero, many, axis, one)",
    "long_slice": "y = Slice(a, zero, eight, axis, one)",
    "concat": "y = Concat <axis = 1> (a)",
    "split": "y = Split <axis = 1> (a, three)",
    "clip": "y = Clip(a)",
    "relu": "b = Relu(a)\ny = Relu(b)",
    "relu_of_sigmoid": "b = Sigmoid(a)\ny = Relu(b)",
    "clip_of_softmax": "b = Softmax(a)\nc = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)\ny = Clip(c, f0, f1)",
    "add": "y = Add(a, f0)",
    "add_zeros": "y = Add(channels0, a)",
    "sub": "y = Sub(a, f0)",
    "mul": "y = Mul(f1, a)",
    "div": "y = Div(a, f1)",
    "pow": "y = Pow(a, f1)",
    "max_pool": "y = MaxPool <kernel_shape = [1, 1]> (a)",
    "average_pool": "y = AveragePool <kernel_shape = [1, 1]> (a)",
    "mean": "b = ReduceMean <axes = [1, 2, 3]> (a)\ny = ReduceMean <axes = [2, 3]> (b)",
}


@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING)
def test_nothing_is_left_of_what_changes_nothing(body: str) -> None:
    graph = graph_of(
        IMAGE, f"a = Neg(x)\n{body}", shape=[-1, 3, 8, 8], one=[1], ones=[1, 1, 1, 1], no_pads=[0] * 8, zero=[0],
        many=[2**40], eight=[8], axis=[2], three=[3], f0=0.0, f1=1.0, channels0=np.zeros((3, 1, 1), np.float32),
    )  # fmt: skip
    expected = len(body.splitlines())
    assert len(proved(graph, remove_identity).nodes) == expected


KEPT = {
    "reshape": "y = Reshape(x, shape)",
    "transpose": "y = Transpose <perm = [0, 1, 3, 2]> (x)",
    "cast": "y = Cast <to = 11> (x)",
    "slice_backwards": "y = Slice(x, last, first, axis, minus)",
    "clip": "y = Clip(x, f0, f1)",
    "relu_of_tanh": "b = Tanh(x)\ny = Relu(b)",
    "relu_of_pad": "r = Relu(x)\nb = Pad(r, pads, fminus)\ny = Relu(b)",
    "add": "y = Add(x, f1)",
    "sub_from_zero": "y = Sub(f0, x)",
    "one_over": "y = Div(f1, x)",
    "one_to_the_power": "y = Pow(f1, x)",
    "add_that_enlarges": "y = Add(x, large0)",
    "max_pool_stride": "y = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (x)",
    "mean": "y = ReduceMean <axes = [2]> (x)",
    "identity_of_an_input": "y = Identity(x)",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_what_changes_something_stays(body: str) -> None:
    graph = graph_of(
        IMAGE, body, shape=[-1, 8, 3, 8], last=[-1], first=[-(2**40)], axis=[2], minus=[-1], f0=0.0, f1=1.0,
        fminus=-1.0, pads=[0, 0, 1, 1, 0, 0, 1, 1], large0=np.zeros((1, 1, 1, 1, 1), np.float32),
    )  # fmt: skip
    assert proved(graph, remove_identity).nodes == graph.nodes


def test_empty_parts_of_a_concat_are_left_out() -> None:
    body = (
        "a = Neg(x)\ne = Slice(x, zero, zero, axis, one)\ny = Concat <axis = 2> (a, e, a)\nz = Concat <axis = 2> (a, e)"
    )
    graph = graph_of(IMAGE, body, "y, z", zero=[0], axis=[2], one=[1])
    assert [node.op for node in proved(graph, remove_identity).nodes] == [Neg(), Concat(2)]


def test_identity_with_a_clamp_inside_becomes_a_clamp() -> None:
    graph = graph_of(IMAGE, "a = Neg(x)\nb = Add(a, zero)\ny = Relu(b)", zero=0.0)
    assert counts(proved(graph, fuse_clamp, remove_identity)) == {"Neg": 1, "Clamp": 1}


def test_mean_over_single_elements_becomes_a_reshape() -> None:
    graph = graph_of("x:float[N,3,1,1]", "a = Neg(x)\ny = ReduceMean <axes = [2, 3], keepdims = 0> (a)")
    assert counts(proved(graph, remove_identity)) == {"Neg": 1, "Reshape": 1}


def test_constants_that_passes_made_are_folded() -> None:
    graph = graph_of(IMAGE, "y = Mul(x, c)\nz = Neg(c)", "y, z", c=array(3, 1, 1))
    assert counts(proved(graph, fold_constants)) == {"Mul": 1, "Identity": 1}


def test_shape_of_a_fixed_tensor_is_a_constant() -> None:
    graph = graph_of("x:float[N,3]", "s = Shape(x)\ny = Add(s, s)")
    graph.types["x"] = graph.types["x"].with_shape((4, 3))
    folded = simplify(graph, (fold_constants,))
    assert counts(folded) == {"Identity": 1}


def test_large_fill_is_not_folded() -> None:
    graph = graph_of(IMAGE, "y = Neg(x)\nz = ConstantOfShape(shape)", "y, z", shape=[1000, 1000])
    assert counts(proved(graph, fold_constants)) == {"Neg": 1, "Fill": 1}


def test_equal_nodes_are_computed_once() -> None:
    graph = graph_of(IMAGE, "a = Sigmoid(x)\nb = Sigmoid(x)\nc = Neg(a)\nd = Neg(b)\ny = Add(c, d)")
    assert counts(proved(graph, share_duplicates)) == {"Sigmoid": 1, "Neg": 1, "Add": 1}


def test_equal_outputs_keep_their_names() -> None:
    graph = graph_of(IMAGE, "y = Sigmoid(x)\nz = Sigmoid(x)\nv = Sigmoid(x)\nw = Neg(v)", "y, z, w")
    assert counts(proved(graph, share_duplicates)) == {"Sigmoid": 1, "Identity": 1, "Neg": 1}


def test_later_output_gives_its_name_to_the_first() -> None:
    graph = graph_of(IMAGE, "a = Sigmoid(x)\ny = Sigmoid(x)\nb = Sigmoid(x)\nz = Add(a, b)", "y, z")
    assert counts(proved(graph, share_duplicates)) == {"Sigmoid": 1, "Add": 1}


def test_split_is_shared_output_by_output() -> None:
    body = "a, b, c = Split <axis = 1> (x)\nd, e, f = Split <axis = 1> (x)\ny = Sub(a, e)\nz = Sub(f, d)"
    graph = graph_of(IMAGE, body, "y, z")
    assert counts(proved(graph, share_duplicates)) == {"Split": 1, "Sub": 2}


def test_other_attributes_are_not_shared() -> None:
    graph = graph_of(IMAGE, "a = LeakyRelu(x)\nb = LeakyRelu <alpha = 0.5> (x)\ny = Sub(a, b)")
    assert proved(graph, share_duplicates).nodes == graph.nodes


def test_equal_constants_are_stored_once() -> None:
    value = array(3, 1, 1)
    graph = graph_of(IMAGE, "a = Mul(x, c)\nb = Add(a, d)\ny = Sub(b, e)", c=value, d=value.copy(), e=value * 2)
    shared = proved(graph, share_duplicates)
    assert len(list(shared.constants())) == 2
    assert counts(shared) == {"Mul": 1, "Add": 1, "Sub": 1}


CLAMPED = {
    "conv": ("y = Conv(x, w)", "Conv"),
    "add": ("y = Add(x, c)", "Add"),
    "sub": ("y = Sub(c, x)", "Sub"),
    "mul": ("y = Mul(x, c)", "Mul"),
    "div": ("y = Div(x, c)", "Div"),
    "max": ("y = Max(x, c)", "Max"),
    "dense": ("y = MatMul(x, m)", "Dense"),
    "clip": ("y = Clip(x, low, high)", "Clamp"),
}


@pytest.mark.parametrize(("body", "name"), CLAMPED.values(), ids=CLAMPED)
def test_clamp_goes_into_the_operator_before(body: str, name: str) -> None:
    body = body.replace("y =", "a =") + "\ny = Relu(a)"
    graph = graph_of(IMAGE, body, w=array(4, 3, 3, 3), c=array(3, 1, 1), m=array(8, 5), low=-0.5, high=0.5)
    fused = proved(graph, fuse_clamp)
    assert counts(fused) == {name: 1}
    assert fused.nodes[0].op.low == 0  # type: ignore[attr-defined]


def test_two_clamps_become_the_narrower_one() -> None:
    graph = graph_of(IMAGE, "a = Clip(x, m1, p1)\nb = Relu(a)\ny = Clip(b, m1, p2)", m1=-1.0, p1=1.0, p2=2.0)
    fused = proved(graph, fuse_clamp)
    assert [str(node.op) for node in fused.nodes] == ["Clamp(low=0.0, high=1.0)"]


UNCLAMPED = {
    "used_elsewhere": ("a = Add(x, one)\ny = Relu(a)\nz = Neg(a)", "y, z"),
    "an_output": ("z = Add(x, one)\ny = Relu(z)", "y, z"),
    "a_shared_clamp_is_kept_once": ("a = Tanh(x)\ny = Relu(a)\nz = Neg(y)", "y, z"),
    "ranges_that_do_not_meet": ("a = Clip(x, m2, m1)\ny = Relu(a)\nz = Neg(x)", "y, z"),
}


@pytest.mark.parametrize(("body", "outputs"), UNCLAMPED.values(), ids=UNCLAMPED)
def test_clamp_stays_where_it_must(body: str, outputs: str) -> None:
    graph = graph_of(IMAGE, body, outputs, one=1.0, m1=-1.0, m2=-2.0)
    assert simplify(graph, (fuse_clamp,)).nodes == graph.nodes


def test_relu_with_two_readers_is_fused_once() -> None:
    graph = graph_of(IMAGE, "a = Conv(x, w)\nb = Relu(a)\nc = Neg(b)\ny = Add(b, c)", w=array(4, 3, 3, 3))
    assert counts(proved(graph, fuse_clamp)) == {"Conv": 1, "Neg": 1, "Add": 1}
