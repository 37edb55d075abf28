"""BatchNormalization before opset 14 is in training mode where it has more than one output."""

from __future__ import annotations

from tests.harness import data
from tests.importer.models import agrees

HEADER = '<ir_version: 4, opset_import: ["" : 9]>\n'


def test_five_outputs_ask_for_the_statistics_of_the_batch() -> None:
    text = """agraph (float[N,3,4,5] x) => (float[N,3,4,5] y, float[3] m, float[3] v, float[3] saved)
        <float[3] scale = {0.5, 1.0, 2.0}, float[3] bias = {0.1, 0.2, 0.3}, float[3] mean = {0.0, 1.0, 2.0}> {
            y, m, v, saved, unread = BatchNormalization <momentum = 0.7> (x, scale, bias, mean, scale)
        }"""
    agrees(text, {"x": data(2, 3, 4, 5)}, judge="onnxruntime", header=HEADER)
