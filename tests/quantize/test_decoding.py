"""What decodes boxes behind the last layer stays in float at int8; scores keep their own scale."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

import edgeconv
from edgeconv.api import Model
from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs, sqnr

HEADER = '<ir_version: 9, opset_import: ["": 17]>\n'
BODY = "c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w1)  r = Relu (c)  h = Conv (r, w2)"
YOLO = """
yolo (float[N,3,16,16] x, float[N,1,2] size) => (float[N,64,7] y, float[N,64,4] z)
<int64[3] rows = {0, 7, 64}, int64[3] split = {2, 2, 3}, float eight = {8.0}> {
    BODY
    t = Reshape (h, rows)  p = Transpose <perm = [0, 2, 1]> (t)  a, b, s = Split <axis = 2> (p, split)
    at = Sigmoid (a)  on = Add (at, grid)  xy = Mul (on, eight)  e = Exp (b)  wh = Mul (e, anchors)
    sc = Sigmoid (s)  y = Concat <axis = 2> (xy, wh, sc)  f = Div (size, eight)  g = Concat <axis = 2> (f, f)
    box = Concat <axis = 2> (xy, wh)  z = Mul (box, g)
}"""
RAW = """
raw (float[N,3,16,16] x) => (float[N,7,8,8] y) <int64[3] split = {2, 2, 3}> {
    BODY
    a, b, s = Split <axis = 1> (h, split)  sc = Sigmoid (s)  y = Concat <axis = 1> (a, b, sc)
}"""
LEVELS = """
levels (float[N,3,16,16] x) => (float[N,14,8,8] y) {
    BODY
    i = Conv (r, w3)  y = Concat <axis = 1> (h, i)
}"""
RESIDUAL = """
residual (float[N,3,16,16] x, float[N,7,8,8] size) => (float[N,7,8,8] y) {
    BODY
    y = Add (h, size)
}"""
CLASSES = """
classes (float[N,3,16,16] x) => (float[N,7] y) <float two = {2.0}> {
    BODY
    g = GlobalAveragePool (h)  f = Flatten (g)  t = Mul (f, two)  y = Softmax (t)
}"""


def _converted(text: str) -> tuple[Model, dict[str, Array], list[Array], list[Array]]:
    """(int8 model, feeds, ONNX Runtime's outputs, its own)."""
    model = parser.parse_model(HEADER + text.replace("BODY", BODY))
    values = {
        "w1": data(8, 3, 3, 3),
        "w2": data(7, 8, 1, 1, seed=1) * 0.5,
        "w3": data(7, 8, 1, 1, seed=2) * 0.5,
        "grid": np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(1, 64, 2).astype(np.float32),
        "anchors": np.float32([[[10.0, 23.0]]]),
    }
    read = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in values.items() if k in read)
    feeds: dict[str, Array] = {"x": data(4, 3, 16, 16, seed=3)}
    if len(model.graph.input) == 2:
        is_map = len(model.graph.input[1].type.tensor_type.shape.dim) == 4
        sizes = np.float32([[[300.0, 411.0]], [[64.0, 99.0]], [[640.0, 480.0]], [[31.0, 37.0]]])
        feeds["size"] = data(4, 7, 8, 8, seed=5) if is_map else sizes
    batches = [{name: value[i : i + 1] for name, value in feeds.items()} for i in range(4)]
    converted = edgeconv.convert(model, calibration=batches, method="minmax", effort="fast")
    found = Interpreter(converted.to_bytes()).run(None, feeds)
    return converted, feeds, reference_outputs(model, feeds, "onnxruntime"), found


def _float_operators(model: Model) -> set[str]:
    graph = model.graph
    return {node.op_name for node in graph.nodes if node.outputs[0] in graph.float_reasons}


def test_boxes_are_decoded_in_float() -> None:
    model, _, (want, boxes), (have, own) = _converted(YOLO)
    for channel in range(7):
        assert sqnr(want[..., channel], have[..., channel]) > 30, channel
    assert sqnr(boxes, own) > 30
    assert _float_operators(model) >= {"Add", "Mul", "Exp", "Concat"}
    assert "boxes or coordinates" in next(iter(model.graph.float_reasons.values()))
    assert not _float_operators(model) & {"Conv", "Sigmoid", "Transpose"}
    assert model.graph.types["size"].q is None


def test_scores_beside_raw_values_keep_their_own_scale() -> None:
    model, _, (want,), (have,) = _converted(RAW)
    assert sqnr(want[:, 4:], have[:, 4:]) > 35
    assert _float_operators(model) == {"Concat"}


@pytest.mark.parametrize("text", [LEVELS, RESIDUAL, CLASSES], ids=["levels side by side", "a residual", "classes"])
def test_what_does_not_decode_is_int8_throughout(text: str) -> None:
    model, *_ = _converted(text)
    assert not model.graph.float_reasons
