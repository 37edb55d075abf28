"""If and Loop, whose attributes are graphs that read the inputs of the node from around them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import parser

from tests.harness import Case, data


def _graph(text: str) -> onnx.GraphProto:
    return parser.parse_graph(text)


_RUNTIME = "onnxruntime"
"""Reference evaluator 1.23 puts what a Loop collects end to end, and needs a carried value."""
_YES, _NO, _TRIPS = np.array(True), np.array(False), np.array(3, np.int64)
_NEGATE = _graph("a () => (p) { one = Constant <value_float = 1.0> ()  m = Neg (one)  p = Add (m, m) }")
_ROOT = _graph("b () => (q) { one = Constant <value_float = 3.0> ()  q = Sqrt (one) }")
_MORE = _graph("a () => (p) { axis = Constant <value_ints = [0]> ()  p = Unsqueeze (input0, axis) }")
_SAME = _graph("b () => (q) { q = Identity (input0) }")
_BODY = _graph("body (int64 i, bool go, v) => (go2, w, s) { go2 = Identity (go)  w = Mul (v, v)  s = Neg (w) }")
_COLLECT = _graph("body (int64 i, bool go) => (go2, s) { go2 = Identity (go)  s = Mul (i, i) }")
_RUNNING = _graph("body (h, x) => (h2, y) { h2 = Add (h, x)  y = Tanh (h2) }")

CASES = [
    Case("true", "If", (_YES,), {"then_branch": _NEGATE, "else_branch": _ROOT}),
    Case("false", "If", (_NO,), {"then_branch": _NEGATE, "else_branch": _ROOT}),
    Case("of another rank", "If", (np.array([[False]]),), {"then_branch": _MORE, "else_branch": _SAME}),
    Case(
        "carried and collected",
        "Loop",
        (_TRIPS, _YES, data(2, 3)),
        {"body": _BODY},
        (0, 1),
        2,
        batched=(2,),
        judge=_RUNTIME,
    ),
    Case("collected", "Loop", (_TRIPS, None), {"body": _COLLECT}, (0,), judge=_RUNTIME),
    Case(
        "running sum", "Scan", (data(3), data(5, 3)), {"body": _RUNNING, "num_scan_inputs": 1}, outputs=2, batched=(1,)
    ),
]
