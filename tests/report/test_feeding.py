"""How many samples a model is fed at once."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import edgeconv
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr


def _boxes_of_an_image() -> onnx.ModelProto:
    """Boxes (N, 5, 4) in units of the image's size (N, 2), which broadcasts for one image only, as in YOLOv3."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["b"]),
        helper.make_node("Concat", ["size", "size"], ["sizes"], axis=1),
        helper.make_node("Mul", ["b", "sizes"], ["boxes"]),
    ]
    inputs = {"x": ["N", 5, 3], "size": ["N", 2]}
    graph = helper.make_graph(
        nodes, "boxes",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("boxes", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(data(3, 4), "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_one_by_one_where_more_would_not_broadcast(effort: str) -> None:
    model = _boxes_of_an_image()
    samples = {"x": data(7, 5, 3), "size": data(7, 2, low=100, high=300)}
    made = edgeconv.convert(model, calibration=samples, effort=effort)
    report = edgeconv.evaluate(made, samples, reference=model.SerializeToString())
    assert report.outputs[0].sqnr > 25
    one = {name: rows[:1] for name, rows in samples.items()}
    (found,) = Interpreter(made.to_bytes()).run(None, one)
    want = one["x"] @ data(3, 4) * np.tile(one["size"], 2)
    assert sqnr(want, found) > 25


def test_one_by_one_where_a_reshape_takes_one_image() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    graph = helper.make_graph(
        nodes, "flat",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(data(6, 4), "w"), numpy_helper.from_array(np.int64([1, 6]), "shape")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)
    x = data(7, 3, 2)
    made = edgeconv.convert(model, calibration={"x": x})
    report = edgeconv.evaluate(made, {"x": x}, reference=model.SerializeToString())
    assert report.samples == 7 and report.outputs[0].sqnr > 25
    (found,) = Interpreter(made.to_bytes()).run(None, {"x": x[:1]})
    assert sqnr(x[:1].reshape(1, 6) @ data(6, 4), found) > 25
