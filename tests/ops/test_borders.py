"""Borders whose width only the input tells, as PyTorch's exporter writes F.pad to a multiple of something."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession

import edgeconv
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

WIDTHS = (9, 10, 12, 13)


def _model(border: float | None, at_run_time: bool) -> onnx.ModelProto:
    """Relu(Conv) widened to a multiple of four, by zeros, by `border`, or by the smallest value of that map."""
    value = ["least"] if at_run_time else [] if border is None else ["border"]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        helper.make_node("Clip", ["c", "low"], ["h"]),
        helper.make_node("ReduceMin", ["h"], ["least"], keepdims=0),
        helper.make_node("Shape", ["h"], ["width"], start=3),
        helper.make_node("Mod", ["width", "four"], ["over"]),
        helper.make_node("Sub", ["four", "over"], ["more"]),
        helper.make_node("Concat", ["none", "more"], ["pads"], axis=0),
        helper.make_node("Pad", ["h", "pads", *value], ["d"]),
        helper.make_node("Clip", ["d", "low"], ["bounded"]),
        helper.make_node("Conv", ["bounded", "w"], ["y"], pads=[1] * 4),
    ]
    constants = {"w": data(3, 3, 3, 3), "four": np.int64([4]), "none": np.int64([0] * 7), "low": np.float32(0.5)}
    constants |= {} if border is None else {"border": np.float32(border)}
    graph = helper.make_graph(
        nodes, "widened",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(each, name) for name, each in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("border", "at_run_time"), [(None, False), (1.5, False), (-3.0, False), (None, True)])
def test_borders_of_any_width(border: float | None, at_run_time: bool) -> None:
    model = _model(border, at_run_time)
    reference = InferenceSession(model.SerializeToString())
    exact = Interpreter(edgeconv.convert(model, precision="fp32").to_bytes())
    samples = [data(1, 3, 8, width) for width in WIDTHS]
    made = edgeconv.convert(model, calibration=samples)
    rounded = Interpreter(made.to_bytes())
    for x in samples:
        (want,) = reference.run(None, {"x": x})
        np.testing.assert_allclose(exact(x), want, rtol=1e-4, atol=1e-4)
        assert sqnr(want, rounded(x)) > 30
    assert [node.op_name for node in made.graph.nodes if "PadBy" in node.op_name] == ["PadBy"]
    is_int8 = next(made.graph.types[node.outputs[0]].dtype for node in made.graph.nodes if node.op_name == "PadBy")
    assert is_int8 == ("float32" if at_run_time else "int8"), "a border's value that is computed has no parameters"
