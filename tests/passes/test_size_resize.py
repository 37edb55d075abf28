"""Resize by a ratio of open dimensions: the feature pyramids that PyTorch exports before opset 11."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgeconv
from edgeconv.core import Array
from edgeconv.ops.resize_base import ResizeBase
from edgeconv.passes import simplify

SHAPES = ((1, 2, 8, 8), (2, 2, 5, 7), (1, 2, 9, 4))


def pyramid() -> onnx.ModelProto:
    """A map halved (odd sizes rounded up), brought back to the size of the input by their ratio, and added to it."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["half"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        *size_of("x", "wanted"),
        *size_of("half", "given"),
        helper.make_node("Div", ["wanted", "given"], ["ratio"]),
        helper.make_node("Concat", ["ones", "ratio"], ["scales"], axis=0),
        helper.make_node("Resize", ["half", "scales"], ["whole"], mode="nearest"),
        helper.make_node("Add", ["x", "whole"], ["y"]),
    ]
    constants = {"from": np.array([2]), "to": np.array([4]), "ones": np.ones(2, np.float32)}
    known, found = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2, "h", "w"] if name == "x" else None)
        for name in ("x", "y")
    )
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "pyramid", [known], [found], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=5)


def size_of(name: str, target: str) -> list[onnx.NodeProto]:
    """Nodes that give height and width in float."""
    return [
        helper.make_node("Shape", [name], [f"{target}.shape"]),
        helper.make_node("Slice", [f"{target}.shape", "from", "to"], [f"{target}.ints"]),
        helper.make_node("Cast", [f"{target}.ints"], [target], to=TensorProto.FLOAT),
    ]


def expected(x: Array) -> Array:
    """Nearest, rounded down, as ONNX had it in opset 10: row i of the whole is row i // 2 of the half."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2].max(axis=(4, 5))
    places = [np.arange(n) * ((n + 1) // 2) // n for n in x.shape[2:]]
    return x + windows[:, :, places[0]][:, :, :, places[1]]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_grows_to_the_size_that_is_asked_for(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(shape).normal(size=shape).astype(np.float32)
    (found,) = edgeconv.convert(pyramid(), precision="fp32").interpreter().run(None, {"x": x})
    np.testing.assert_allclose(found, expected(x), rtol=1e-6)


def test_no_float_decides_on_the_size() -> None:
    graph = simplify(edgeconv.load(pyramid()))
    (resize,) = (node for node in graph.nodes if isinstance(node.op, ResizeBase))
    assert (resize.op.scales, resize.op.axes) == ((), (2, 3))
    assert str(graph.types[resize.outputs[0]]) == "float32[n,2,h,w]"
    assert not any(graph.types[name].is_float for name in resize.inputs[1:])


def test_all_of_it_is_int8() -> None:
    samples = np.random.default_rng(0).normal(size=(32, 2, 6, 10)).astype(np.float32)
    model = edgeconv.convert(pyramid(), calibration=samples)
    assert model.graph.float_reasons == {}
