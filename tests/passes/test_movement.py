"""merge_movement, cancel_transpose, fold_pad, drop_expand, propagate_fill."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.passes import simplify
from edgeconv.passes.cancel_transpose import cancel_transpose
from edgeconv.passes.drop_expand import drop_expand
from edgeconv.passes.fold_pad import fold_pad
from edgeconv.passes.merge_movement import merge_movement
from edgeconv.passes.propagate_fill import propagate_fill
from tests.passes.building import array, counts, graph_of, proved

IMAGE = "x:float[N,4,6,8]"

MERGED = {
    "reshapes": ("a = Reshape(x, flat)\ny = Reshape(a, wide)", ["Reshape"]),
    "flatten": ("a = Reshape(x, wide)\ny = Flatten(a)", ["Reshape"]),
    "transposes": (
        "a = Transpose <perm = [0, 2, 3, 1]> (x)\ny = Transpose <perm = [0, 2, 1, 3]> (a)",
        ["Transpose"],
    ),
    "slices": ("a = Slice(x, one, four, two, one)\ny = Slice(a, zero, many, three, two)", ["Slice"]),
    "slices_of_one_axis": ("a = Slice(x, one, many, three, two)\ny = Slice(a, one, minus, three, two)", ["Slice"]),
    "slices_from_the_end": ("a = Slice(x, minus4, many, three, one)\ny = Slice(a, one, many, three, one)", ["Slice"]),
    "pads": ("a = Pad(x, pads)\ny = Pad(a, pads2)", ["Pad"]),
    "concats": (
        "a = Neg(x)\nb = Concat <axis = 1> (x, a)\ny = Concat <axis = 1> (a, b, x)",
        ["Neg", "Concat"],
    ),
    "casts": ("a = Cast <to = 11> (x)\ny = Cast <to = 7> (a)", ["Cast"]),
    "gather_of_one": ("a = Gather <axis = 1> (x, index)\ny = Reshape(a, row)", ["Slice", "Reshape"]),
    "gather_of_the_last": ("a = Gather <axis = 1> (x, last)\ny = Reshape(a, row)", ["Slice", "Reshape"]),
    "gather_of_a_range": ("y = Gather <axis = 1> (x, range)", ["Slice"]),
    "gather_by_twos": ("y = Gather <axis = 1> (x, steps)", ["Slice"]),
    "gather_from_the_end": ("y = Gather <axis = 3> (x, ending)", ["Slice"]),
}


@pytest.mark.parametrize(("body", "left"), MERGED.values(), ids=MERGED)
def test_movements_are_merged(body: str, left: list[str]) -> None:
    graph = graph_of(
        IMAGE, body, flat=[-1, 192], wide=[-1, 8, 24], zero=[0], one=[1], two=[2], three=[3], four=[4], many=[2**40],
        minus=[-1], minus4=[-4], pads=[0, 1, 0, 0, 0, 0, 2, 0], pads2=[0, 0, 1, 0, 0, 3, 2, 0], index=2, last=-1,
        row=[-1, 48], range=[1, 2, 3], steps=[0, 2], ending=[-3, -2, -1],
    )  # fmt: skip
    assert [node.op_name for node in proved(graph, merge_movement).nodes] == left


def test_transpose_of_single_dimensions_is_a_reshape() -> None:
    graph = graph_of("x:float[N,1,6,8]", "y = Transpose <perm = [0, 2, 3, 1]> (x)")
    assert counts(proved(graph, merge_movement)) == {"Reshape": 1}


APART = {
    "used_transpose": "a = Transpose <perm = [0, 2, 3, 1]> (x)\ny = Transpose <perm = [0, 2, 1, 3]> (a)\nz = Neg(a)",
    "used_slice": "a = Slice(x, one, four, two, one)\ny = Slice(a, zero, four, three, two)\nz = Neg(a)",
    "used_pad": "a = Pad(x, pads)\ny = Pad(a, pads)\nz = Neg(a)",
    "other_pad_value": "a = Pad(x, pads)\ny = Pad(a, pads, value)\nz = Neg(x)",
    "negative_pad": "a = Pad(x, pads)\ny = Pad(a, cuts)\nz = Neg(x)",
    "reflected_pad": 'a = Pad <mode = "reflect"> (x, pads)\ny = Pad(a, pads)\nz = Neg(x)',
    "backward_slice": "a = Slice(x, one, four, three, one)\ny = Slice(a, minus, far, three, minus)\nz = Neg(x)",
    "lossy_cast": "a = Cast <to = 7> (x)\ny = Cast <to = 1> (a)\nz = Neg(x)",
    "other_concat_axis": "a = Concat <axis = 2> (x, x)\ny = Concat <axis = 1> (a, a)\nz = Neg(x)",
    "used_concat": "a = Concat <axis = 1> (x, x)\ny = Concat <axis = 1> (a, x)\nz = Neg(a)",
    "gather_at_random": "y = Gather <axis = 1> (x, scattered)\nz = Neg(x)",
    "gather_backwards": "y = Gather <axis = 1> (x, falling)\nz = Neg(x)",
    "gather_around_the_end": "y = Gather <axis = 1> (x, around)\nz = Neg(x)",
    "gather_of_a_matrix": "y = Gather <axis = 1> (x, matrix)\nz = Neg(x)",
    "used_gather": "a = Gather <axis = 1> (x, index)\ny = Reshape(a, row)\nz = Neg(a)",
}


@pytest.mark.parametrize("body", APART.values(), ids=APART)
def test_movements_stay_apart(body: str) -> None:
    graph = graph_of(
        IMAGE, body, "y, z", zero=[0], one=[1], two=[2], three=[3], four=[4], pads=[0, 0, 1, 1, 0, 0, 1, 1], value=2.0,
        cuts=[0, 0, -1, 0, 0, 0, 0, 0], minus=[-1], far=[-(2**40)], scattered=[0, 3, 1], falling=[2, 1],
        around=[-1, 0], matrix=np.array([[0, 1]]), index=1, row=[-1, 48],
    )  # fmt: skip
    assert proved(graph, merge_movement).nodes == graph.nodes


def test_gather_of_one_before_unknown_dimensions_stays() -> None:
    graph = graph_of("x:float[N,4,M,8]", "a = Gather <axis = 1> (x, i)\ns = Shape(x)\ny = Neg(a)", "y, s", i=0)
    assert "Gather" in counts(simplify(graph, (merge_movement,)))


def test_gather_of_one_along_an_unknown_dimension_stays() -> None:
    body = "a = Gather <axis = 1> (x, i)\ny = Reshape(a, wide)"
    graph = graph_of("x:float[N,T,4]", body, i=1, wide=[0, 4, 1])
    assert simplify(graph, (merge_movement,)).nodes == graph.nodes


CANCELLED = {
    "unary": ("b = Sigmoid(a)", ["Sigmoid"]),
    "two_unary": ("c = Sigmoid(a)\nb = Relu(c)", ["Sigmoid", "Clamp"]),
    "softmax": ("b = Softmax <axis = 3> (a)", ["Softmax"]),
    "log_softmax": ("b = LogSoftmax <axis = 1> (a)", ["LogSoftmax"]),
    "scalar": ("b = Mul(a, two)", ["Mul"]),
    "channels": ("b = Add(channels, a)", ["Add"]),
    "tree": ("c = Relu(a)\nd = Transpose <perm = [0, 2, 3, 1]> (v)\nb = Sub(d, c)", ["Clamp", "Sub"]),
    "other_order": ("d = Transpose <perm = [0, 2, 1, 3]> (t)\nb = Sub(d, a)", ["Transpose", "Sub"]),
}


@pytest.mark.parametrize(("body", "left"), CANCELLED.values(), ids=CANCELLED)
def test_transposes_cancel(body: str, left: list[str]) -> None:
    body = f"a = Transpose <perm = [0, 2, 3, 1]> (x)\n{body}\ny = Transpose <perm = [0, 3, 1, 2]> (b)"
    graph = graph_of(f"{IMAGE};v:float[N,4,6,8];t:float[N,8,6,4]", body, two=2.0, channels=array(4))
    assert [node.op_name for node in proved(graph, cancel_transpose).nodes] == left


def test_transposes_of_both_inputs_cancel() -> None:
    body = """a = Transpose <perm = [0, 2, 3, 1]> (x)
    s = Sigmoid(x)
    b = Transpose <perm = [0, 2, 3, 1]> (s)
    c = Mul(a, b)
    y = Transpose <perm = [0, 3, 1, 2]> (c)"""
    assert counts(proved(graph_of(IMAGE, body), cancel_transpose)) == {"Sigmoid": 1, "Mul": 1}


def test_transposes_that_do_not_cancel_become_one() -> None:
    body = "a = Transpose <perm = [0, 2, 3, 1]> (x)\nb = Sigmoid(a)\ny = Transpose <perm = [0, 2, 1, 3]> (b)"
    assert [n.op_name for n in proved(graph_of(IMAGE, body), cancel_transpose).nodes] == ["Transpose", "Sigmoid"]


TO = "a = Transpose <perm = [0, 2, 3, 1]> (x)\n"
BACK = "y = Transpose <perm = [0, 3, 1, 2]> (b)\n"

UNCANCELLED = {
    "used": TO + "b = Sigmoid(a)\n" + BACK + "z = Neg(b)",
    "used_first": TO + "b = Sigmoid(a)\n" + BACK + "z = Neg(a)",
    "no_transpose": "b = Sigmoid(x)\n" + BACK + "z = Neg(x)",
    "reduction": TO + "b = ReduceMean <axes = [1]> (a)\n" + BACK + "z = Neg(x)",
    "one_side": TO + "b = Add(a, t)\n" + BACK + "z = Neg(t)",
}


@pytest.mark.parametrize("body", UNCANCELLED.values(), ids=UNCANCELLED)
def test_transposes_stay(body: str) -> None:
    graph = graph_of(f"{IMAGE};t:float[N,6,8,4]", body, "y, z", one=1.0)
    assert proved(graph, cancel_transpose).nodes == graph.nodes


PADDED = {
    "conv": ("y = Conv(a, w)", "zero", (1, 2, 3, 0)),
    "conv_with_pads": ("y = Conv <pads = [1, 1, 1, 1]> (a, w)", "zero", (2, 3, 4, 1)),
    "conv_with_a_value": ("y = Conv(a, w)", "one", (1, 2, 3, 0)),
    "average_pool": ("y = AveragePool <kernel_shape = [4, 4]> (a)", "zero", (1, 2, 3, 0)),
    "average_pool_counting": (
        "y = AveragePool <kernel_shape = [5, 5], pads = [1, 0, 0, 1], count_include_pad = 1> (a)",
        "zero",
        (2, 2, 3, 1),
    ),
    "max_pool": ("y = MaxPool <kernel_shape = [4, 4]> (a)", "lowest", (1, 2, 3, 0)),
}


@pytest.mark.parametrize(("body", "value", "pads"), PADDED.values(), ids=PADDED)
def test_pad_goes_into_the_window(body: str, value: str, pads: tuple[int, ...]) -> None:
    graph = graph_of(
        IMAGE, f"a = Pad(x, pads, {value})\n{body}", pads=[0, 0, 1, 2, 0, 0, 3, 0], w=array(5, 4, 3, 3), zero=0.0,
        one=1.0, lowest=np.float32(-np.inf),
    )  # fmt: skip
    folded = proved(graph, fold_pad)
    assert [node.op.pads for node in folded.nodes] == [pads]  # type: ignore[attr-defined]


def test_pads_of_one_value_are_added() -> None:
    body = "a = Pad(x, pads, one)\nb = Pad(a, pads, one)\ny = Conv(b, w)"
    graph = graph_of(IMAGE, body, pads=[0, 0, 1, 1, 0, 0, 0, 1], w=array(5, 4, 3, 3), one=1.0)
    assert [node.op.pads for node in proved(graph, fold_pad).nodes] == [(2, 2, 0, 2)]  # type: ignore[attr-defined]


def test_zeros_around_what_is_never_negative_do_not_change_a_maximum() -> None:
    body = "r = Relu(x)\na = Pad(r, pads)\ny = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (a)"
    graph = graph_of(IMAGE, body, pads=[0, 0, 1, 1, 0, 0, 1, 1])
    assert counts(proved(graph, fold_pad)) == {"Clamp": 1, "MaxPool": 1}


UNPADDED = {
    "used": "a = Pad(x, pads)\ny = Conv(a, w)\nz = Neg(a)",
    "other_value": "a = Pad(x, pads, one)\ny = Conv <pads = [0, 0, 0, 1]> (a, w)\nz = Neg(x)",
    "infinite_value": "a = Pad(x, pads, lowest)\ny = Conv(a, w)\nz = Neg(x)",
    "reflected": 'a = Pad <mode = "reflect"> (x, pads)\ny = Conv(a, w)\nz = Neg(x)',
    "channels": "a = Pad(x, channels)\ny = Conv(a, w6)\nz = Neg(x)",
    "cut": "a = Pad(x, cut)\ny = Conv(a, w)\nz = Neg(x)",
    "average_not_counting": "a = Pad(x, pads)\n"
    "y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (a)\nz = Neg(x)",
    "maximum_of_negative": "a = Pad(x, pads)\ny = MaxPool <kernel_shape = [3, 3]> (a)\nz = Neg(x)",
    "small_window": "a = Pad(x, pads, lowest)\ny = MaxPool <kernel_shape = [1, 1], strides = [2, 2]> (a)\nz = Neg(x)",
    "ceil": "a = Pad(x, pads)\n"
    "y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1> (a)\nz = Neg(x)",
}  # fmt: skip


@pytest.mark.parametrize("body", UNPADDED.values(), ids=UNPADDED)
def test_pad_stays(body: str) -> None:
    graph = graph_of(
        IMAGE, body, "y, z", pads=[0, 0, 1, 1, 0, 0, 1, 1], w=array(5, 4, 3, 3), w6=array(5, 6, 3, 3), one=1.0,
        channels=[0, 1, 1, 1, 0, 1, 1, 1], cut=[0, 0, 1, 1, 0, 0, -1, 1], lowest=np.float32(-np.inf),
    )  # fmt: skip
    assert simplify(graph, (fold_pad,)).nodes == graph.nodes


DROPPED = {
    "add": "a = Expand(c, shape)\ny = Add(x, a)",
    "where": "a = Expand(c, shape)\nb = Greater(x, a)\ny = Where(b, a, x)",
    "matmul": "a = Expand(m, batch)\ny = MatMul(x, a)",
    "expand": "a = Expand(c, shape)\ny = Expand(a, larger)",
}


@pytest.mark.parametrize("body", DROPPED.values(), ids=DROPPED)
def test_expand_is_dropped(body: str) -> None:
    graph = graph_of(
        f"{IMAGE};c:float[4,1,1];m:float[8,5]", body, shape=[4, 6, 8], batch=[4, 8, 5], larger=[2, 4, 6, 8]
    )
    left = counts(proved(graph, drop_expand))
    assert left.get("Expand", 0) == body.count("Expand") - 1


def test_expand_that_gives_the_shape_stays() -> None:
    graph = graph_of("x:float[4,1];c:float[1,5]", "a = Expand(x, shape)\ny = Add(a, one)", shape=[4, 5], one=1.0)
    assert proved(graph, drop_expand).nodes == graph.nodes


FILLED = {
    "reshape": "b = Reshape(a, flat)\ny = Add(b, f)",
    "chain": "b = Transpose <perm = [1, 0, 2]> (a)\n"
    "c = Slice(b, zero, one, zero)\nd = Reshape(c, flat4)\ny = Add(d, g)",
    "split": "b, c = Split <axis = 1> (a, halves)\ny = Add(b, h)",
    "unary": "b = Exp(a)\nc = Reshape(b, flat)\ny = Add(c, f)",
    "cast": "b = Cast <to = 7> (a)\nc = Cast <to = 1> (b)\nd = Reshape(c, flat)\ny = Add(d, f)",
    "concat": "b = Concat <axis = 1> (a, a)\nc = Slice(b, zero, four, one)\nd = Reshape(c, flat)\ny = Add(d, f)",
    "binary": "b = Reshape(a, flat)\nc = Sub(b, f)\nd = Mul(c, b)\ny = Max(b, d)",
}


@pytest.mark.parametrize("body", FILLED.values(), ids=FILLED)
def test_fill_stays_a_fill(body: str) -> None:
    body = f"s = Shape(x)\na = ConstantOfShape <value = float[1] {{2.5}}> (s)\n{body}"
    graph = graph_of(
        "x:float[N,4,3];f:float[N,12];g:float[N,3];h:float[N,2,3]", body, flat=[-1, 12], flat4=[-1, 3], zero=[0],
        one=[1], four=[4], halves=[2, 2],
    )  # fmt: skip
    left = counts(proved(graph, propagate_fill))
    assert set(left) <= {"Add", "Sub", "Mul", "Max", "Fill", "Dims"}
    assert sum(left.values()) <= body.count("\n") - 1


FILL_KEPT = {
    "enlarges": "y = Add(a, c)",
    "pad": "y = Pad(a, pads)",
    "concat": "b = ConstantOfShape(s)\ny = Concat <axis = 1> (a, b)",
    "gather": "y = Gather <axis = 1> (x, i)\nz = MatMul(a, m)",
}


@pytest.mark.parametrize("body", FILL_KEPT.values(), ids=FILL_KEPT)
def test_fill_is_needed(body: str) -> None:
    body = f"s = Shape(x)\na = ConstantOfShape <value = float[1] {{2.5}}> (s)\n{body}"
    graph = graph_of("x:float[N,4,3]", body, "y", c=array(1, 4, 1), pads=[0, 1, 0, 0, 0, 0], i=0, m=array(3, 2))
    assert proved(graph, propagate_fill).nodes == graph.nodes


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_zero_states_are_dropped(op: str) -> None:
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    state = ", h, h" if op == "LSTM" else ", h"
    body = f"""s = Shape(x)
    n = Slice(s, one, two)
    d = Concat <axis = 0> (one, n, size)
    h = ConstantOfShape(d)
    y, last = {op} <hidden_size = 5> (x, w, r, b, {state})"""
    graph = graph_of(
        "x:float[7,N,3]", body, "y, last", one=[1], two=[2], size=[5], w=array(1, gates * 5, 3),
        r=array(1, gates * 5, 5), b=array(1, gates * 10),
    )  # fmt: skip
    folded = proved(graph, propagate_fill)
    assert counts(folded) == {op: 1}
    assert len(folded.nodes[0].inputs) == 4


def test_other_states_stay() -> None:
    body = "y, last = GRU <hidden_size = 5> (x, w, r, b, , h)"
    graph = graph_of(
        "x:float[7,2,3]", body, "y, last", w=array(1, 15, 3), r=array(1, 15, 5), b=array(1, 30), h=array(1, 2, 5)
    )
    assert simplify(graph, (propagate_fill,)).nodes == graph.nodes
