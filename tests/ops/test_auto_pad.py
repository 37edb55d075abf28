"""`auto_pad` with open dimensions: one file serves every height and width, whatever remains of them by the stride."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession

import edgeconv
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

_WINDOWED = ("Conv", "MaxPool", "AveragePool", "LpPool")
_SIZES = ((16, 17), (17, 16), (13, 14), (18, 15), (4, 23))


def _model(op_type: str, kernel: int, stride: int, auto_pad: str, **more: int) -> onnx.ModelProto:
    """Two windows one behind the other, and their input's height and width as a third output."""
    inputs = ["x", "w"] if op_type == "Conv" else ["x"]
    window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "auto_pad": auto_pad, **more}
    again = ["h", *inputs[1:]]
    nodes = [helper.make_node(op_type, inputs, ["h"], **window), helper.make_node(op_type, again, ["y"], **window)]
    weight = numpy_helper.from_array(data(3, 3, kernel, kernel), "w")
    graph = helper.make_graph(
        nodes, "windows",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("h", "y")],
        [weight] if op_type == "Conv" else [],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(
    ("op_type", "kernel", "stride"),
    [
        ("Conv", 1, 2),
        *((op, k, s) for op in _WINDOWED for k, s in ((2, 1), (2, 2), (3, 1), (3, 2), (4, 3), (5, 2))),
    ],
)
def test_any_height_and_width(op_type: str, kernel: int, stride: int, auto_pad: str) -> None:
    _agrees(_model(op_type, kernel, stride, auto_pad))


def test_means_that_count_the_padding() -> None:
    _agrees(_model("AveragePool", 3, 2, "SAME_LOWER", count_include_pad=1))


def _agrees(model: onnx.ModelProto) -> None:
    reference = InferenceSession(model.SerializeToString())
    exact = Interpreter(edgeconv.convert(model, precision="fp32").to_bytes())
    samples = [data(2, 3, *size, seed=9) for size in _SIZES]
    rounded = Interpreter(edgeconv.convert(model, calibration=samples, method="minmax").to_bytes())
    for size in _SIZES:
        x = data(2, 3, *size, seed=9)
        wanted = reference.run(None, {"x": x})
        for want, found, close in zip(wanted, exact.run(None, {"x": x}), rounded.run(None, {"x": x}), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4)
            assert sqnr(want, close) > 20


def test_nothing_is_padded_at_run_time_where_the_stride_is_one() -> None:
    assert {node.op_name for node in edgeconv.load(_model("Conv", 4, 1, "SAME_UPPER")).nodes} == {"Conv"}


def test_int8_windows_take_int8_borders() -> None:
    text = edgeconv.convert(_model("Conv", 3, 2, "SAME_UPPER"), calibration=[data(1, 3, 9, 9)]).graph.text()
    borders = [line for line in text.splitlines() if "PadBy" in line]
    assert len(borders) == 2
    assert not any("float32" in line for line in borders), text
