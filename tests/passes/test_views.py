"""merge_views, commute_dense, split_dense, fold_scale: movement around linear layers, as in attention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeconv.passes import simplify
from edgeconv.passes.commute_dense import commute_dense
from edgeconv.passes.fold_scale import fold_scale
from edgeconv.passes.merge_views import merge_views
from edgeconv.passes.split_dense import split_dense
from tests.passes.building import array, counts, graph_of, proved

CHAINS = {
    "heads": (
        "a = Reshape(x, s1)\nb = Transpose <perm = [1, 0, 2]> (a)\ny = Reshape(b, s2)",
        {"s1": [6, -1, 4], "s2": [-1, 3, 6, 4]},
        ["Reshape", "Transpose"],
    ),
    "there_and_back": (
        "a = Transpose <perm = [1, 0, 2]> (x)\n"
        "b = Reshape(a, s1)\nc = Reshape(b, s2)\ny = Transpose <perm = [1, 0, 2]> (c)",
        {"s1": [-1, 72], "s2": [-1, 6, 12]},
        ["Identity"],
    ),
    "slice_of_a_factor": (
        "a = Reshape(x, s1)\nb = Transpose <perm = [2, 0, 1, 3]> (a)\nc = Slice(b, one, two, zero)\ny = Reshape(c, s2)",
        {"s1": [6, -1, 3, 4], "s2": [6, -1, 4], "zero": [0], "one": [1], "two": [2]},
        ["Slice"],
    ),
    "slice_of_two_factors": (
        "a = Reshape(x, s1)\nb = Slice(a, one, many, two)\nc = Reshape(b, s2)\ny = Transpose <perm = [1, 2, 0]> (c)",
        {"s1": [6, -1, 3, 4], "s2": [6, -1, 8], "one": [1], "two": [2], "many": [2**40]},
        ["Slice", "Transpose"],
    ),
    "single_dimensions": (
        "a = Reshape(x, s1)\nb = Transpose <perm = [3, 1, 2, 0, 4]> (a)\ny = Reshape(b, s2)",
        {"s1": [6, 1, -1, 1, 12], "s2": [-1, 6, 12]},
        ["Transpose"],
    ),
    "slice_of_a_single_dimension": (
        "a = Reshape(x, s1)\nb = Slice(a, zero, many, one)\ny = Transpose <perm = [2, 3, 0, 1]> (b)",
        {"s1": [6, 1, -1, 12], "zero": [0], "one": [1], "many": [2**40]},
        ["Reshape", "Transpose"],
    ),
    "slice_twice": (
        "a = Slice(x, one, five, zero)\nb = Transpose <perm = [1, 0, 2]> (a)\nc = Slice(b, one, two, one)\n"
        "d = Reshape(c, s1)\ny = Reshape(d, s2)",
        {"s1": [-1, 12], "s2": [-1, 1, 12], "zero": [0], "one": [1], "two": [2], "five": [5]},
        ["Slice", "Reshape"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "constants", "left"), CHAINS.values(), ids=CHAINS)
def test_chain_is_shortened(body: str, constants: dict[str, list[int]], left: list[str]) -> None:
    graph = graph_of("x:float[6,N,12]", body, **constants)
    assert [node.op_name for node in proved(graph, merge_views).nodes] == left


STAY = {
    "needed_elsewhere": "a = Reshape(x, s1)\ny = Transpose <perm = [1, 0, 2]> (a)\nz = Neg(a)",
    "unaligned": "a = Reshape(x, s3)\nb = Transpose <perm = [1, 0, 2]> (a)\ny = Reshape(b, s4)\nz = Neg(x)",
    "step": "a = Slice(x, zero, many, zero, two)\ny = Reshape(a, s5)\nz = Neg(x)",
    "inner_slice": "a = Reshape(x, s1)\nb = Slice(a, zero, two, two)\ny = Transpose <perm = [1, 0, 2]> (b)\nz = Neg(x)",
}  # fmt: skip


@pytest.mark.parametrize("body", STAY.values(), ids=STAY)
def test_chain_stays(body: str) -> None:
    graph = graph_of(
        "x:float[6,N,12]", body, "y, z", s1=[6, -1, 4], s3=[6, -1, 4], s4=[-1, 8, 3], s5=[-1, 3, 12], zero=[0],
        two=[2], many=[2**40],
    )  # fmt: skip
    assert simplify(graph, (merge_views,)).nodes == graph.nodes


def test_shared_movement_is_left_when_nobody_needs_it_any_more() -> None:
    """One Transpose of which three parts are taken, as PyTorch exports attention."""
    parts = "\n".join(
        f"s{i} = Slice(t, n{i}, n{i + 1}, n0)\nr{i} = Reshape(s{i}, rows)\ny{i} = Transpose <perm = [1, 0, 2]> (r{i})"
        for i in range(3)
    )
    body = f"r = Reshape(x, split)\nt = Transpose <perm = [2, 0, 1, 3]> (r)\n{parts}"
    graph = graph_of(
        "x:float[5,N,12]", body, "y0, y1, y2", split=[5, -1, 3, 4], rows=[5, -1, 2], n0=[0], n1=[1], n2=[2], n3=[3]
    )
    left = counts(proved(graph, merge_views))
    assert sum(left.values()) == 9
    assert left["Transpose"] == 3


@st.composite
def _movements(draw: st.DrawFn) -> tuple[list[str], dict[str, list[int]]]:
    """Random movements of x[4,6,10] as lines of ONNX, and their constants."""
    shape, lines, constants = [4, 6, 10], [], {}
    for index in range(draw(st.integers(2, 6))):
        source, target = f"v{index}" if index else "x", f"v{index + 1}"
        kind = draw(st.sampled_from(["reshape", "transpose", "slice"]))
        if kind == "transpose":
            perm = draw(st.permutations(range(len(shape))))
            lines.append(f"{target} = Transpose <perm = {list(perm)}> ({source})")
            shape = [shape[axis] for axis in perm]
        elif kind == "slice":
            axis = draw(st.integers(0, len(shape) - 1))
            start = draw(st.integers(0, shape[axis] - 1))
            end = draw(st.integers(start + 1, shape[axis]))
            constants |= {f"b{index}": [start], f"e{index}": [end], f"a{index}": [axis]}
            lines.append(f"{target} = Slice({source}, b{index}, e{index}, a{index})")
            shape[axis] = end - start
        else:
            shape = _regrouped(draw, shape)
            constants[f"r{index}"] = list(shape)
            lines.append(f"{target} = Reshape({source}, r{index})")
    return [*lines, f"y = Identity(v{len(lines)})"], constants


def _regrouped(draw: st.DrawFn, shape: list[int]) -> list[int]:
    """Another shape for the same number of elements."""
    rest, dims = int(np.prod(shape)), []
    while rest > 1 and len(dims) < 4:
        dims.append(draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0])))
        rest //= dims[-1]
    return [*dims, rest] if rest > 1 or not dims else dims


@given(chain=_movements())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_random_chains_compute_the_same(chain: tuple[list[str], dict[str, list[int]]]) -> None:
    lines, constants = chain
    graph = graph_of("x:float[4,6,10]", "\n".join(lines), **constants)
    assert len(proved(graph, merge_views).nodes) <= len(graph.nodes)
    proved(graph)


COMMUTED = {
    "reshapes": "a = Reshape(x, flat)\nb = MatMul(a, w)\ny = Reshape(b, rows)",
    "transposes": "a = Transpose <perm = [1, 0, 2]> (x)\nb = MatMul(a, w)\ny = Transpose <perm = [1, 0, 2]> (b)",
}


@pytest.mark.parametrize("body", COMMUTED.values(), ids=COMMUTED)
def test_movements_meet_before_the_dense(body: str) -> None:
    graph = graph_of("x:float[N,5,8]", body, flat=[-1, 8], rows=[-1, 5, 3], w=array(8, 3))
    assert [node.op_name for node in proved(graph, commute_dense).nodes][-1] == "Dense"
    assert counts(proved(graph)) == {"Dense": 1}


def test_transpose_goes_behind_the_dense_that_parts_are_taken_of() -> None:
    body = "a = Transpose <perm = [1, 0, 2]> (x)\nb = MatMul(a, w)\ny = Slice(b, n0, n2, n2)\nz = Slice(b, n2, n6, n2)"
    graph = graph_of("x:float[N,5,8]", body, "y, z", n0=[0], n2=[2], n6=[6], w=array(8, 6))
    assert [node.op_name for node in proved(graph, commute_dense).nodes] == ["Dense", "Transpose", "Slice", "Slice"]


APART = {
    "last_dimension": "a = Transpose <perm = [0, 2, 1]> (x)\nb = MatMul(a, w5)\ny, z = Split <axis = 0> (b, ones)",
    "moves_outputs": "a = Transpose <perm = [1, 0, 2]> (x)\n"
    "b = MatMul(a, w)\ny = Transpose <perm = [0, 2, 1]> (b)\nz = Neg(b)",
    "splits_outputs": "a = Reshape(x, flat)\nb = MatMul(a, w)\ny = Reshape(b, halves)\nz = Neg(x)",
    "used_before": "a = Reshape(x, flat)\nb = MatMul(a, w)\ny = Reshape(b, rows)\nz = Neg(a)",
    "used_behind": "a = Reshape(x, flat)\nb = MatMul(a, w)\ny = Reshape(b, rows)\nz = Neg(b)",
    "an_output": "a = Transpose <perm = [1, 0, 2]> (x)\ny = MatMul(a, w)\nz = Reshape(y, flat3)",
    "no_movement_before": "b = MatMul(x, w)\ny = Reshape(b, flat3)\nz = Neg(x)",
    "unknown_rows": "a = Transpose <perm = [1, 0, 2]> (v)\nb = MatMul(a, w)\ny = Neg(b)\nz = Neg(x)",
}  # fmt: skip


@pytest.mark.parametrize("body", APART.values(), ids=APART)
def test_dense_stays_between(body: str) -> None:
    graph = graph_of(
        "x:float[2,5,8];v:float[N,M,8]", body, "y, z", ones=[1, 1], flat=[-1, 8], rows=[-1, 5, 6], halves=[-1, 2, 3],
        flat3=[-1, 6], w=array(8, 6), w5=array(5, 6),
    )  # fmt: skip
    assert simplify(graph, (commute_dense,)).nodes == graph.nodes


PARTS = {
    "split": "a, b, c = Split <axis = 2> (d, sizes)",
    "slices": "a = Slice(d, n0, n2, n2)\nb = Slice(d, n2, n4, n2)\nc = Slice(d, n4, many, n2)",
    "some": "a = Slice(d, n0, n2, n2)\nb = Slice(d, n4, many, n2)\nc = Identity(b)",
}


@pytest.mark.parametrize("body", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("bias", ["e = Relu(x)\nd = MatMul(e, w)", "f = MatMul(x, w)\ng = Add(f, b6)\nd = Relu(g)"])
def test_parts_are_computed_apart(body: str, bias: str) -> None:
    graph = graph_of(
        "x:float[N,5,8]", f"{bias}\n{body}\nh = Neg(a)\ni = Mul(b, h)\ny = Add(c, i)", w=array(8, 6), b6=array(6),
        sizes=[2, 2, 2], n0=[0], n2=[2], n4=[4], many=[2**40],
    )  # fmt: skip
    left = counts(proved(graph))
    assert "Slice" not in left
    assert "Split" not in left
    assert left["Dense"] == (2 if "Identity" in body else 3)


WHOLE = {
    "overlap": "a = Slice(d, n0, n4, n2)\ny = Slice(d, n2, many, n2)\nz = Neg(a)",
    "read_whole": "y = Slice(d, n0, n4, n2)\nz = Neg(d)",
    "other_axis": "y, z = Split <axis = 1> (d, halves)",
    "two_axes": "y = Slice(d, n02, n44, n12)\nz = Slice(d, n4, many, n2)",
    "one_part": "y = Slice(d, n0, n4, n2)\nz = Neg(x)",
    "nothing": "y = Slice(d, n4, n0, n2)\nz = Slice(d, n0, n2, n2)",
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_dense_stays_whole(body: str) -> None:
    graph = graph_of(
        "x:float[N,4,8]", f"d = MatMul(x, w)\n{body}", "y, z", w=array(8, 6), halves=[2, 2], n0=[0], n2=[2], n4=[4],
        many=[2**40], n02=[0, 0], n44=[2, 4], n12=[1, 2],
    )  # fmt: skip
    assert simplify(graph, (split_dense,)).nodes == graph.nodes


ATTENTION = """q = MatMul(x, wq)
q4 = Reshape(q, heads)
qt = Transpose <perm = [0, 2, 1, 3]> (q4)
k = MatMul(x, wk)
k4 = Reshape(k, heads)
kt = Transpose <perm = [0, 2, 3, 1]> (k4)
"""
SCALES = {
    "of_the_product": "s = MatMul(qt, kt)\ny = Mul(s, half)",
    "divided": "s = MatMul(qt, kt)\ny = Div(s, two)",
    "of_the_queries": "s = Mul(half, qt)\ny = MatMul(s, kt)",
    "of_both": "s = Mul(qt, half)\nt = Div(kt, two)\ny = MatMul(s, t)",
    "twice": "s = MatMul(qt, kt)\nt = Mul(s, half)\ny = Div(t, two)",
}


@pytest.mark.parametrize("body", SCALES.values(), ids=SCALES)
def test_scale_goes_into_a_projection(body: str) -> None:
    graph = graph_of(
        "x:float[N,5,8]", ATTENTION + body, wq=array(8, 6), wk=array(8, 6, seed=1), heads=[0, 5, 2, 3], half=0.5,
        two=2.0,
    )  # fmt: skip
    left = counts(proved(graph, fold_scale))
    assert left == {"Dense": 2, "Reshape": 2, "Transpose": 2, "MatMul": 1}


def test_scale_goes_into_the_second_factor_where_the_first_cannot() -> None:
    body = "a = MatMul(x, w)\nb = MatMul(v, a)\ny = Mul(b, two)"
    graph = graph_of("x:float[N,5,8];v:float[N,8,5]", body, w=array(8, 6), two=2.0)
    assert counts(proved(graph, fold_scale)) == {"Dense": 1, "MatMul": 1}


UNSCALED = {
    "nothing_linear": "a = Neg(x)\nb = Reshape(a, flat)\ny = Mul(b, two)\nz = Neg(x)",
    "used": "a = MatMul(x, w)\nb = Reshape(a, flat)\ny = Mul(b, two)\nz = Neg(a)",
    "vector": "a = MatMul(x, w)\nb = Reshape(a, flat)\ny = Mul(b, v)\nz = Neg(x)",
    "one_over": "a = MatMul(x, w)\nb = Reshape(a, flat)\ny = Div(two, b)\nz = Neg(x)",
    "clamped": "a = MatMul(x, w)\nr = Relu(a)\nb = Reshape(r, flat)\ny = Mul(b, minus)\nz = Neg(x)",
}


@pytest.mark.parametrize("body", UNSCALED.values(), ids=UNSCALED)
def test_scale_stays(body: str) -> None:
    graph = graph_of("x:float[N,5,8]", body, "y, z", w=array(8, 8), flat=[-1, 40], two=2.0, v=array(40), minus=-1.0)
    assert simplify(graph, (fold_scale,)).nodes == graph.nodes
