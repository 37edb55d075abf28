"""Models that are damaged or lie about themselves: an error in words, which names the place, for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import edgeconv
from edgeconv.errors import EdgeconvError, InvalidModelError, UnsupportedModelError


def _model(*nodes: onnx.NodeProto, dim: int | str = 4) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes), "damaged",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, dim])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in (("w", (4, 3)), ("b", (7,)))],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _with_opset() -> onnx.ModelProto:
    model = _model(helper.make_node("Relu", ["x"], ["y"]))
    model.opset_import[1].version = 2**62
    return model


def _without_text() -> bytes:
    return (
        _model(helper.make_node("Relu", ["x"], ["y"], name="NAME")).SerializeToString().replace(b"NAME", b"\xff\xfeME")
    )


DAMAGED: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], type[EdgeconvError], str]] = {
    "a number for a list": (
        lambda: _model(helper.make_node("Transpose", ["x"], ["y"], perm=1.5)),
        InvalidModelError, r"Transpose 'y': its attribute 'perm' is float, where ONNX has Sequence\[int\]",
    ),
    "a list for a number": (
        lambda: _model(helper.make_node("LeakyRelu", ["x"], ["y"], alpha=[0.1, 0.2])),
        InvalidModelError, "LeakyRelu 'y': its attribute 'alpha' is tuple, where ONNX has float",
    ),
    "text for numbers": (
        lambda: _model(helper.make_node("Transpose", ["x"], ["y"], perm=["a", "b"])),
        InvalidModelError, "its attribute 'perm' is str",
    ),
    "text for numbers, where dimensions are open": (
        lambda: _model(helper.make_node("Transpose", ["x"], ["y"], perm=["a", "b"]), dim="n"),
        InvalidModelError, "its attribute 'perm' is str",
    ),
    "an index beyond the end, once it is computed": (
        lambda: _model(
            helper.make_node("Constant", [], ["k"], value_ints=[9]),
            helper.make_node("ArrayFeatureExtractor", ["x", "k"], ["y"], domain="ai.onnx.ml"),
        ),
        InvalidModelError, "ArrayFeatureExtractor 'y': indices 9 to 9 lie outside a dimension of 4",
    ),
    "a graph that is none": (
        lambda: _model(helper.make_node("If", ["x"], ["y"], then_branch=1, else_branch=2)),
        InvalidModelError, "its attribute 'else_branch' is int, where ONNX has Subgraph",
    ),
    "a body that is missing": (
        lambda: _model(helper.make_node("SequenceMap", ["x"], ["y"])), UnsupportedModelError, "SequenceMap 'y'",
    ),
    "a bias that fits nothing": (
        lambda: _model(helper.make_node("Gemm", ["x", "w", "b"], ["y"])), InvalidModelError, "Gemm 'y': .*fit",
    ),
    "an opset beyond reason": (_with_opset, InvalidModelError, "version 4611686018427387904 of 'com.example'"),
    "names without letters": (_without_text, InvalidModelError, "names that are no text"),
    "a dimension beyond reason": (
        lambda: _model(helper.make_node("Relu", ["x"], ["y"]), dim=2**40),
        UnsupportedModelError, r"'x' is float32\[2,1099511627776\], more than a file holds",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_it_is_refused_in_words(name: str) -> None:
    make, kind, words = DAMAGED[name]
    made = make()
    with pytest.raises(kind, match=words) as caught:
        edgeconv.convert(made, precision="fp32").to_bytes()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("location", ["a\0b", "x" * 5000])
def test_external_data_at_what_is_no_path(location: str, tmp_path: Path) -> None:
    model = _model(helper.make_node("MatMul", ["x", "w"], ["y"]))
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value=location)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InvalidModelError, match=r"tensor 'w' keeps its data in .*, which is no path") as caught:
        edgeconv.load(tmp_path / "m.onnx")
    assert len(str(caught.value)) < 500
