"""If and Loop with shapes that only data tells: branches of different sizes, loops that data ends, or that grow."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.importer.models import agrees, model_from

RUNTIME = "onnxruntime"


def _rows(count: int, low: float = -1, high: float = 1) -> Array:
    return data(count, 2, seed=count, low=low, high=high)


BRANCHES = """
agraph (float[N,2] x) => (float[A,B] y) <float half = {0.5}> {
    top = ReduceMax <keepdims = 0> (x)
    is_large = Greater (top, half)
    chosen = If (is_large) <
        then_branch = places () => (a) { p = NonZero (x)  t = Transpose (p)  a = Cast <to = 1> (t) },
        else_branch = itself () => (b) { b = Identity (x) }
    >
    y = Add (chosen, half)
}
"""


def test_branches_of_different_sizes() -> None:
    feeds = [{"x": x} for x in (_rows(5), _rows(4, high=0.4), np.float32([[0, 0.7], [0, 0]]), _rows(5))]
    graph = agrees(BRANCHES, feeds[0], *feeds[1:], judge=RUNTIME)
    assert "If" in {node.op_name for node in graph.nodes}


def test_a_branch_counts_what_only_it_sees() -> None:
    """Shapes that only data tells stay inside the branch; what comes out has a fixed one."""
    text = """
    agraph (float[N,2] x) => (float y) <float half = {0.5}> {
        top = ReduceMax <keepdims = 0> (x)
        is_large = Greater (top, half)
        y = If (is_large) <
            then_branch = large () => (a) {
                m = Greater (x, half)
                p = NonZero (m)
                t = Transpose (p)
                g = GatherND (x, t)
                a = ReduceSum <keepdims = 0> (g)
            },
            else_branch = none () => (b) { b = Neg (half) }
        >
    }
    """
    agrees(text, {"x": _rows(5)}, {"x": _rows(4, high=0.4)}, {"x": _rows(9)}, judge=RUNTIME)


UNTIL = """
agraph (float[2] x) => (float[2] last, float[A,2] doubled) <bool yes = {1}, float limit = {9.0}, float two = {2.0}> {
    last, all = Loop (, yes, x) <
        body = trip (int64 i, bool go, float[2] v) => (more, w, seen) {
            w = Add (v, x)
            s = ReduceSum <keepdims = 0> (w)
            more = Less (s, limit)
            seen = Identity (w)
        }
    >
    doubled = Mul (all, two)
}
"""
GROWING = """
agraph (float[2] x) => (float[A] y) <bool yes = {1}, float limit = {9.0}, float two = {2.0}> {
    all = Loop (, yes, x) <
        body = trip (int64 i, bool go, float[K] v) => (more, w) {
            w = Concat <axis = 0> (v, x)
            s = ReduceSum <keepdims = 0> (w)
            more = Less (s, limit)
        }
    >
    y = Mul (all, two)
}
"""
STARTS = [{"x": np.float32(values)} for values in ([1, 1], [3, 1], [30, 1], [0.5, 0], [1, 1])]


@pytest.mark.parametrize("text", [UNTIL, GROWING], ids=["collects", "grows"])
def test_a_loop_that_data_ends(text: str) -> None:
    graph = agrees(text, STARTS[0], *STARTS[1:], judge=RUNTIME)
    assert "Loop" in {node.op_name for node in graph.nodes}


def test_a_loop_that_makes_no_trip_collects_nothing() -> None:
    text = """
    agraph (float[2] x, bool go) => (float[2] last, float[A,2] all) {
        last, all = Loop (, go, x) <
            body = trip (int64 i, bool again, float[2] v) => (more, w, seen) {
                w = Add (v, x)
                s = ReduceSum <keepdims = 0> (w)
                zero = Sub (s, s)
                more = Less (s, zero)
                seen = Identity (w)
            }
        >
    }
    """
    feeds = {"x": np.float32([1, 2]), "go": np.array(True)}
    agrees(text, feeds, {**feeds, "go": np.array(False)}, {**feeds, "x": np.float32([3, 2])}, judge=RUNTIME)


def test_as_many_trips_as_data_says() -> None:
    text = """
    agraph (int64[K] n, float[2] x) => (float[A,2] all) <bool yes = {1}> {
        trips = ReduceSum <keepdims = 0> (n)
        last, all = Loop (trips, yes, x) <
            body = trip (int64 i, bool go, float[2] v) => (more, w, seen) {
                more = Identity (go)
                w = Add (v, x)
                seen = Identity (w)
            }
        >
    }
    """
    x = np.float32([1, 2])
    agrees(text, *({"n": np.int64(n), "x": x} for n in ([2, 1], [5], [0, 1])), judge=RUNTIME)


def test_a_loop_that_does_not_end_is_stopped_by_the_memory_that_it_takes() -> None:
    text = GROWING.replace("s = ReduceSum <keepdims = 0> (w)", "s = ReduceMin <keepdims = 0> (x)")
    with pytest.raises(EdgeconvError, match="limit"):
        Interpreter(to_program(load_onnx(model_from(text))), memory_limit=1 << 12)(np.float32([1, 1]))
