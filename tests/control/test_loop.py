"""Loop and Scan."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError, UnsupportedModelError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.ops import loop, loop_import
from edgeconv.report.inspection import inspect_program
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.importer.models import agrees, model_from

X = data(3, 4)
ROWS = data(5, 3, 4)
CONSTANTS = (
    "int64 zero = {0}, int64 one = {1}, int64 three = {3}, int64 many = {9223372036854775807}, bool yes = {1}, "
    "bool no = {0}, float half = {0.5}, float big = {20}, int64[1] first = {0}, float[1,4] start = {0, 0, 0, 0}, "
    "int64 room = {12}, float big3 = {0.1}, int64[1] step = {1}, int64[1] wide = {9223372036854775807}, "
    "int64[2] flat = {1, 4}"
)

LOOPS: dict[str, str] = {
    "a number of trips": """(float[] y) { y = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { c2 = Identity (c)  t = Mul (v, half)  w = Add (t, x) }> }""",
    "no condition given": """(float[] y) { y = Loop (three, , x) <
        body = b (int64 i, bool c, v) => (c2, w) { c2 = Identity (c)  w = Mul (v, half) }> }""",
    "collects": """(float[] y, float[] z) { y, z = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w, s) { c2 = Identity (c)  w = Mul (v, half)  s = Neg (w) }> }""",
    "the number of the trip": """(float[] y, int64[] z) { y, z = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w, i2) { c2 = Identity (c)  f = CastLike (i, x)  w = Add (v, f)
            i2 = Mul (i, i) }> }""",
    "carried values change places": """(float[] y, float[] z) { n = Neg (x)  y, z = Loop (three, yes, x, n) <
        body = b (int64 i, bool c, v, w) => (c2, w2, v2) { c2 = Identity (c)  w2 = Identity (w)
            v2 = Identity (v) }> }""",
    "a value in a circle, and what was carried collected": """(float[] y, float[] z, float[] u, float[] s) {
            n = Neg (x)  e = Exp (x)  y, z, u, s = Loop (three, yes, x, n, e) <
        body = b (int64 i, bool c, p, q, r) => (c2, q2, r2, p2, s) {
            c2 = Identity (c)  q2 = Identity (q)  r2 = Identity (r)  p2 = Add (p, half)  s = Identity (p) }> }""",
    "a constant handed on": """(float[] y, float[] z) { y, z = Loop (three, yes, x, half) <
        body = b (int64 i, bool c, v, k) => (c2, w, k2) { c2 = Identity (c)  w = Mul (v, k)  k2 = Identity (k) }> }""",
    "a constant handed on, by data": """(float[] y, float[] z) { y, z = Loop (many, yes, x, half) <
        body = b (int64 i, bool c, v, k) => (c2, w, k2) { w = Add (v, k)  s = ReduceSum <keepdims = 0> (w)
            c2 = Less (s, big)  k2 = Identity (k) }> }""",
    "a constant handed on, rounded": """(float[] y, float[] z) { y, z = Loop (three, yes, x, half) <
        body = b (int64 i, bool c, v, k) => (c2, w, k2) { c2 = Identity (c)  w = Add (v, k)  l = Cast <to = 7> (k)
            k2 = Cast <to = 1> (l) }> }""",
    "while, by data": """(float[] y) { y = Loop (many, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { w = Add (v, half)  s = ReduceSum <keepdims = 0> (w)
            c2 = Less (s, big) }> }""",
    "for and while, by data": """(float[] y) { y = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { w = Add (v, half)  s = ReduceSum <keepdims = 0> (w)
            c2 = Less (s, big) }> }""",
    "while by a condition from data that does not hold": """(float[] y) { s = ReduceMin <keepdims = 0> (x)
            c = Greater (s, big)
        y = Loop (, c, x) < body = b (int64 i, bool c1, v) => (c2, w) { w = Add (v, half)  c2 = Identity (c1) }> }""",
    "a number of trips from data": """(float[] y) { s = ReduceMax <keepdims = 0> (x)  k = Cast <to = 7> (s)
            n = Add (k, one)
        y = Loop (n, yes, x) < body = b (int64 i, bool c, v) => (c2, w) { w = Add (v, half)
            c2 = Identity (c) }> }""",
    "never": """(float[] y) { y = Loop (three, no, x) < body = b (int64 i, bool c, v) => (c2, w) {
            w = Add (v, half)  c2 = Identity (c) }> }""",
    "counts to a bound (TensorFlow)": """(int64[] y, float[] z, float[] u) { y, z, u = Loop (many, yes, zero, x) <
        body = b (int64 i, bool c, k, v) => (c2, k2, w, s) {
            k2 = Add (k, one)  c2 = Less (k2, three)  w = Mul (v, half)  s = Identity (w) }> }""",
    "counts in floats to a bound (TensorFlow)": """(int64[] y, float[] z, float[] u) {
        y, z, u = Loop (three, yes, zero, x) <
        body = b (int64 i, bool c, k, v) => (c2, k2, w, s) {
            k2 = Add (k, one)  f = Cast <to = 1> (k2)  near = Less (f, big)  g = Cast <to = 1> (i)
            far = Less (g, big)  c2 = And (near, far)  w = Mul (v, half)  s = Identity (w) }> }""",
    "counts down": """(int64[] y, float[] z, float[] u) { y, z, u = Loop (many, yes, three, x) <
        body = b (int64 i, bool c, k, v) => (c2, k2, w, s) {
            k2 = Sub (k, one)  c2 = Greater (k2, zero)  w = Mul (v, half)  s = Identity (w) }> }""",
    "two bounds, one of them the number of the trip": """(float[] y, float[] z) { y, z = Loop (many, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w, s) {
            far = LessOrEqual (i, three)  past = GreaterOrEqual (i, one)  near = Not (past)  c2 = And (near, far)
            w = Mul (v, half)  s = Identity (w) }> }""",
    "one in the other": """(float[] y, float[] z) { y, z = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w, s) { c2 = Identity (c)  t = Neg (v)
            w, s = Loop (three, c, t) < body = d (int64 j, bool e, p) => (e2, q, r) {
                e2 = Identity (e)  m = Mul (p, v)  q = Add (m, x)  r = ReduceMean <keepdims = 0> (q) }> }> }""",
    "a branch in it": """(float[] y) { y = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { c2 = Identity (c)  even = Mod (i, three)  f = Cast <to = 9> (even)
            w = If (f) < then_branch = p () => (q) { q = Mul (v, half) }, else_branch = r () => (s) {
            s = Add (v, x) }> }> }""",
    "it, in a branch": """(float[] y) { s = ReduceSum <keepdims = 0> (x)  c = Greater (s, half)  y = If (c) <
        then_branch = p () => (q) { q = Loop (three, yes, x) <
            body = b (int64 i, bool d, v) => (d2, w) { d2 = Identity (d)  w = Mul (v, half) }> },
        else_branch = r () => (t) { t = Loop (one, yes, x) <
            body = b (int64 i, bool d, v) => (d2, w) { d2 = Identity (d)  w = Neg (v) }> } > }""",
    "reads a slice of each trip": """(float[] y, float[] z) { y, z = Loop (three, yes, start) <
        body = b (int64 i, bool c, v) => (c2, w, s) {
            c2 = Identity (c)  r = Gather <axis = 0> (x, i)  t = Unsqueeze (r, first)  w = Add (v, t)
            s = Identity (w) }> }""",
}
BY_DATA: dict[str, str] = {
    "collects as often as data says": """(float[] y) { s = ReduceMax <keepdims = 0> (x)  t = Abs (s)  u = Ceil (t)
        k = Cast <to = 7> (u)  y = Loop (k, yes) <
            body = b (int64 i, bool c) => (c2, w) { w = Neg (x)  c2 = Identity (c) }> }""",
    "collects while data says": """(float[] y, float[] z) { y, z = Loop (many, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w, u) {
                w = Add (v, half)  u = Neg (w)  s = ReduceSum <keepdims = 0> (w)  c2 = Less (s, big) }> }""",
    "grows as often as data says": """(float[] y) { s = ReduceMax <keepdims = 0> (x)  t = Abs (s)  u = Ceil (t)
        k = Cast <to = 7> (u)  y = Loop (k, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w) { w = Concat <axis = 0> (v, x)  c2 = Identity (c) }> }""",
    "collects what only data tells, brought to one size (TensorFlow's detectors)": """(float[] y) {
        y = Loop (three, yes) < body = b (int64 i, bool c) => (c2, w) {
            c2 = Identity (c)  f = Cast <to = 1> (i)  t = Add (x, f)  m = Greater (t, big3)  p = NonZero (m)
            g = Transpose (p)  v = GatherND (t, g)  n = Size (v)  r = Sub (room, n)
            e = Unsqueeze (r, first)  a = Concat <axis = 0> (first, e)  k = Unsqueeze (n, first)
            q = Expand (half, k)  h = Mul (v, q)  w = Pad (h, a) }> }""",
    "reads a slice whose place is computed": """(float[] y) { y = Loop (three, yes) <
        body = b (int64 i, bool c) => (c2, w) {
            c2 = Identity (c)  j = Unsqueeze (i, first)  from = Concat <axis = 0> (first, j)  k = Add (j, step)
            to = Concat <axis = 0> (wide, k)  s = Slice (x, from, to)  r = Squeeze (s, step)  w = Neg (r) }> }""",
    "a window whose place is computed, in another shape": """(float[] y) { y = Loop (three, yes) <
        body = b (int64 i, bool c) => (c2, w) {
            c2 = Identity (c)  j = Unsqueeze (i, first)  k = Add (j, step)  s = Slice (x, j, k, first)
            r = Reshape (s, flat)  w = Neg (r) }> }""",
    "a place that is itself one of a list (TensorFlow's CropAndResize)": """(float[] y) { t = Abs (x)
        u = ReduceMin <keepdims = 0> (t, step)  v = Cast <to = 7> (u)  y = Loop (three, yes) <
        body = b (int64 i, bool c) => (c2, w) {
            c2 = Identity (c)  j = Unsqueeze (i, first)  k = Add (j, step)  from = Slice (v, j, k)
            to = Add (from, step)  s = Slice (x, from, to, first)  r = Squeeze (s, first)  w = Neg (r) }> }""",
}
"""Only data tells the shapes of what comes out, or of something on the way."""
WRITTEN_OUT: dict[str, str] = {
    "a shape that grows": """(float[] y) { y = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { c2 = Identity (c)  w = Concat <axis = 0> (v, x) }> }""",
    "a sequence": """(float[] y) { e = SequenceEmpty ()  n = Neg (x)  q, last = Loop (three, yes, e, n) <
        body = b (int64 i, bool c, s, v) => (c2, s2, w) { c2 = Identity (c)  w = Mul (v, half)
            s2 = SequenceInsert (s, w) }>
        y = ConcatFromSequence <axis = 0> (q) }""",
    "until a condition that is known": """(float[] y, float[] z) { y, z = Loop (many, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w, s) { c2 = Less (i, one)  w = Concat <axis = 0> (v, x)
            s = ReduceSum <keepdims = 0> (w) }> }""",
}


def _model(text: str, shape: str = "N,4") -> str:
    outputs, _, body = text.partition(" {")
    return f"agraph (float[{shape}] x) => {outputs} <{CONSTANTS}> {{{body}"


@pytest.mark.parametrize("name", [*LOOPS, *BY_DATA])
@pytest.mark.parametrize("batch", ["3", "N"])
def test_loop(name: str, batch: str) -> None:
    graph = agrees(_model((LOOPS | BY_DATA)[name], f"{batch},4"), {"x": X}, {"x": -X}, judge="onnxruntime")
    assert {"Loop", "If"} & {node.op_name for node in graph.nodes}
    assert not (
        name.startswith("counts") and any(node.op.conditional for node in graph.nodes if node.op_name == "Loop")
    )


@pytest.mark.parametrize("name", ["a constant handed on", "a constant handed on, by data"])
def test_a_loop_does_not_carry_what_no_trip_changes(name: str) -> None:
    graph = load_onnx(model_from(_model(LOOPS[name])))
    (op,) = [node.op for node in graph.nodes if isinstance(node.op, loop.Loop)]
    assert op.carried == 1


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_loop_is_written_out(name: str) -> None:
    graph = agrees(_model(WRITTEN_OUT[name]), {"x": X}, {"x": -X[:2]}, judge="onnxruntime")
    assert "Loop" not in {node.op_name for node in graph.nodes}


def test_counting_to_the_length_of_a_sequence() -> None:
    """TensorFlow's RNN: the bound is a dimension that is only known at run time."""
    text = f"""
    agraph (float[T,N,4] x) => (int32[] k, float[] y, float[] z)
        <{CONSTANTS}, int32 none = {{0}}, int32 more = {{1}}> {{
        shape = Shape (x)
        length = Gather (shape, zero)
        steps = Cast <to = 6> (length)
        h = Gather (x, zero)
        go = Less (none, steps)
        k, y, z = Loop (many, go, none, h) <
            body = b (int64 i, bool c, j, v) => (c2, j2, w, s) {{
                j2 = Add (j, more)
                c2 = Less (j2, steps)
                at = Cast <to = 7> (j)
                r = Gather (x, at)
                t = Mul (v, half)
                w = Add (t, r)
                s = Tanh (w)
            }}
        >
    }}
    """
    graph = agrees(text, {"x": ROWS}, {"x": ROWS[:1]}, {"x": ROWS[:, :2]}, judge="onnxruntime")
    (node,) = (node for node in graph.nodes if node.op_name == "Loop")
    assert not node.op.conditional


REFUSED = {
    "an unknown operator inside": (
        """(float[] y) { s = ReduceMax <keepdims = 0> (x)  k = Cast <to = 7> (s)  y = Loop (k, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w) { [deep] w = Hologram (v)  c2 = Identity (c) }> }""",
        "Hologram 'deep': the operator Hologram is not supported",
    ),
    "another dtype, as often as data says": (
        """(int64[] y) { s = ReduceMax <keepdims = 0> (x)  k = Cast <to = 7> (s)  y = Loop (k, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w) { w = Cast <to = 7> (v)  c2 = Identity (c) }> }""",
        "its carried value 0 is .* after a trip; and its input 'M' is computed at run time",
    ),
    "another dtype, if data says so": (
        """(int64[] y) { s = ReduceMin <keepdims = 0> (x)  go = Greater (s, big)  y = Loop (three, go, x) <
            body = b (int64 i, bool c, v) => (c2, w) { w = Cast <to = 7> (v)  c2 = Identity (c) }> }""",
        "its input 'cond' is computed at run time",
    ),
    "another dtype, while data says so": (
        """(int64[] y) { y = Loop (three, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w) { w = Cast <to = 7> (v)
                s = ReduceSum <keepdims = 0> (w)  c2 = Less (s, three) }> }""",
        "its condition depends on data; make every trip the same",
    ),
    "nothing to collect": (
        """(int64[] y, float[] z) { y, z = Loop (zero, yes, x) <
            body = b (int64 i, bool c, v) => (c2, w, s) { w = Cast <to = 7> (v)  s = Exp (x)  c2 = Identity (c) }> }""",
        "it makes no trip",
    ),
    "a scan of nothing": (
        "(float[] y) { y = Scan <num_scan_inputs = 0, body = b (v) => (w) { w = Neg (v) }> (x) }",
        "it scans nothing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, message = REFUSED[name]
    with pytest.raises(EdgeconvError, match=message):
        load_onnx(model_from(_model(body)))


def test_a_loop_that_grows_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_MOST_TRIPS", 100)
    body = """(float[] y) { y = Loop (many, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { w = Concat <axis = 0> (v, x)  c2 = Identity (c) }> }"""
    interpreter = Interpreter(to_program(load_onnx(model_from(_model(body)))))
    with pytest.raises(EdgeconvError, match="has made 100 trips and would go on"):
        interpreter(X)


def test_a_loop_that_is_written_out_for_too_long_runs_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_import, "_MOST_WRITTEN_OUT", 3)
    body = """(float[] y) { y = Loop (many, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { w = Concat <axis = 0> (v, x)  c2 = Less (i, three) }> }"""
    graph = agrees(_model(body), {"x": X}, judge="onnxruntime")
    assert "Loop" in {node.op_name for node in graph.nodes}


def test_a_loop_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_MOST_TRIPS", 1000)
    body = """(float[] y) { y = Loop (, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) { w = Neg (v)  c2 = Identity (c) }> }"""
    interpreter = Interpreter(to_program(load_onnx(model_from(_model(body)))))
    with pytest.raises(EdgeconvError, match="has made 1,000 trips and would go on"):
        interpreter(X)
    nested = LOOPS["one in the other"].replace("(three", "(hundred").replace("{ y", "{ hundred = Add (c100, zero)  y")
    nested = _model(nested).replace("int64 zero", "int64 c100 = {100}, int64 zero")
    interpreter = Interpreter(to_program(load_onnx(model_from(nested))))
    with pytest.raises(EdgeconvError, match="has made 1,000 trips"), np.errstate(all="ignore"):
        interpreter(X)


SCANS: dict[str, str] = {
    "two states, two inputs": """ (x, x2, h) => (float[] g, float[] k, float[] y, float[] z) {
        g, k, y, z = Scan <num_scan_inputs = 2, body = b (p, q, a, b2) => (p2, q2, s, t) {
            p1 = Mul (p, half)  p2 = Add (p1, a)  q2 = Sub (q, b2)  s = Tanh (p2)
            t = Mul (p2, q2) }> (h, h, x, x2) }""",
    "backward, along other axes": """ (x, x2, h) => (float[] g, float[] y, float[] z) {
        t2 = Transpose <perm = [1, 0, 2]> (x)
        g, y, z = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 0],
                        scan_output_axes = [1, -1], scan_output_directions = [0, 1],
                        body = b (p, a, b2) => (p2, s, t) {
            p1 = Mul (p, half)  m = Mul (a, b2)  p2 = Add (p1, m)  s = Tanh (p2)
            t = Identity (a) }> (h, t2, x2) }""",
    "no state, weights around it": """ (x, x2, h) => (float[] y) {
        w = Transpose <perm = [1, 0]> (h)
        y = Scan <num_scan_inputs = 1, body = b (a) => (s) { s = MatMul (a, w) }> (x) }""",
}


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("shape", ["5,3,4", "T,3,4", "T,N,4"])
def test_scan(name: str, shape: str) -> None:
    _, _, rest = SCANS[name].partition(" => ")
    outputs, _, body = rest.partition(" {")
    rows = shape.partition(",")[2]
    text = f"agraph (float[{shape}] x, float[{shape}] x2, float[{rows}] h) => {outputs} <{CONSTANTS}> {{{body}"
    agrees(text, _scan_feeds(5), _scan_feeds(5 if shape[0] == "5" else 2), judge="onnxruntime")


def _scan_feeds(length: int) -> Mapping[str, Array]:
    return {"x": data(length, 3, 4), "x2": data(length, 3, 4, seed=1), "h": data(3, 4, seed=2)}


def test_scan_of_opset_8_says_what_to_do() -> None:
    text = """agraph (float[1,5,4] x) => (float[1,5,4] y) {
        y = Scan <num_scan_inputs = 1, body = b (a) => (s) { s = Neg (a) }> (, x) }"""
    with pytest.raises(UnsupportedModelError, match="Scan is supported from opset 9, the model has 8"):
        load_onnx(model_from(text, '<ir_version: 7, opset_import: ["" : 8]>\n'))


def test_multiplications_of_all_trips_are_counted() -> None:
    text = _model("""(float[] y) { y = Loop (three, yes, x) <
        body = b (int64 i, bool c, v) => (c2, w) {
            c2 = Identity (c)  t = Transpose (v)  m = MatMul (t, v)  w = MatMul (v, m) }> }""")
    facts = inspect_program(to_program(load_onnx(model_from(text.replace("[N,4]", "[2,4]")))), "model", None)
    assert facts.macs == 3 * (4 * 2 * 4 + 2 * 4 * 4)
    endless = _model(LOOPS["while, by data"])
    assert inspect_program(to_program(load_onnx(model_from(endless))), "model", None).macs is None
