"""ONNX nodes that are valid, or nearly, but that edgeconv does not convert: each says why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import Case, data, feeds_of, model_of, reference_outputs

X = data(2, 4, 6, 6)
P = (data(4), data(4))
SIZES, SCALES = np.array([2, 4, 9, 9]), np.array([1, 1, 2, 2], np.float32)
NEAR = {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}

REFUSED = [
    (Case("norm", "GlobalLpPool", (X,), {"p": 3}), "p=3"),
    (Case("axes", "ReduceSum", (X, np.array([1])), {}), "'axes' is computed at run time"),
    (Case("axis", "ReduceSum", (X, np.array([4])), {}, (1,)), "axis 4"),
    (Case("stash", "LayerNormalization", (X, data(6)), {"stash_type": 10}, (1,)), "stash_type"),
    (Case("groups", "GroupNormalization", (X, data(3), data(3)), {"num_groups": 2}, (1, 2), opset=18), "2 groups"),
    (Case("training", "BatchNormalization", (X, *P, *P), {}, (1, 2, 3, 4), outputs=3, opset=9), "training"),
    (Case("spatial", "BatchNormalization", (X, *P, *P), {"spatial": 0}, (1, 2, 3, 4), opset=7), "spatial"),
    (Case("kernel", "ConvTranspose", (X, data(4, 3, 3, 3)), {"kernel_shape": [2, 2]}, (1,)), "kernel_shape"),
    (Case("group", "ConvTranspose", (X, data(4, 3, 3, 3)), {"group": 3}, (1,)), "3 groups"),
    (
        Case("shape", "ConvTranspose", (X, data(4, 3, 3, 3)), {"output_shape": [8, 8]}, (1,), dynamic=2),
        "fixed spatial shape",
    ),
    (Case("mode", "DepthToSpace", (X,), {"blocksize": 2, "mode": "ABC"}), "ABC"),
    (Case("crop", "Resize", (X, None, SCALES), {"coordinate_transformation_mode": "tf_crop_and_resize"}, (2,)), "crop"),
    (Case("mode", "RoiAlign", (X, data(3, 4), np.int64([0, 1, 1])), {"mode": "min"}, opset=16), "'min'"),
    (Case("mode", "GridSample", (X, data(2, 3, 3, 2)), {"mode": "lanczos"}, opset=20), "lanczos"),
    (Case("mode", "TensorScatter", (X, X, np.int64([0, 0])), {"mode": "round"}, opset=24), "'round'"),
    (Case("kernel", "DeformConv", (X, data(4, 4, 3, 3), X), {"kernel_shape": [2, 2]}, opset=19), "kernel_shape"),
    (Case("length", "DFT", (data(2, 9, 1),), {}, dynamic=1, opset=20), "not known"),
    (Case("neither", "Resize", (X,)), "needs scales, or sizes"),
    (Case("mode", "Resize", (X, None, SCALES), {"mode": "lanczos"}, (2,)), "lanczos"),
    (Case("count", "Resize", (X, None, SCALES[:3]), {}, (2,)), "needs 4 scales"),
    (Case("aspect", "Resize", (X, None, None, SIZES[2:]), NEAR, (3,), opset=18, dynamic=2), "not_larger"),
    (Case("rank", "LSTM", (data(5, 2, 4), data(1, 12, 4), data(12, 3)), {}, (1, 2)), "rank 3"),
    (Case("unknown", "LSTM", (data(5, 2, 4), data(1, 12, 4), data(1, 12, 3)), {"zoneout": 1}), "argument 'zoneout'"),
    (Case("unknown", "Conv", (X, data(4, 4, 3, 3)), {"tiles": 1}, (1,)), "argument 'tiles'; edgeconv does not know"),
    (Case("activation", "RNN", (data(5, 2, 4), data(1, 3, 4), data(1, 3, 3)), {"activations": ["Mish"]}), "mish"),
]


@pytest.mark.parametrize(("case", "match"), REFUSED, ids=[str(case) for case, _ in REFUSED])
def test_refused(case: Case, match: str) -> None:
    with pytest.raises(EdgeconvError, match=match):
        load_onnx(model_of(case))


def _resize_like(attributes: dict[str, object], x: Sequence[int | str], like: Sequence[int | str]) -> bytes:
    """x resized to the last two dimensions of another input."""
    nodes = [
        helper.make_node("Shape", ["x"], ["lead"], start=0, end=2),
        helper.make_node("Shape", ["like"], ["tail"], start=2),
        helper.make_node("Concat", ["lead", "tail"], ["sizes"], axis=0),
        helper.make_node("Resize", ["x", "", "", "tail" if "axes" in attributes else "sizes"], ["y"], **attributes),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in (("x", x), ("like", like))]
    graph = helper.make_graph(nodes, "resize", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    serialized: bytes = model.SerializeToString()
    return serialized


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("axes", [{}, {"axes": [2, 3]}])
def test_sizes_that_follow_from_a_shape(mode: str, axes: dict[str, object]) -> None:
    dynamic = _resize_like({"mode": mode, **axes}, ("N", 4, "h", "w"), ("N", 1, "H", "W"))
    feeds = {"x": X, "like": data(2, 1, 9, 4)}
    (found,) = Interpreter(to_program(load_onnx(dynamic))).run(None, feeds)
    (wanted,) = reference_outputs(_resize_model(mode), {"input0": X})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def _resize_model(mode: str) -> object:
    return model_of(Case("fixed", "Resize", (X, None, None, np.array([2, 4, 9, 4])), {"mode": mode}, (3,)))


def test_aspect_ratio_needs_known_sizes() -> None:
    model = _resize_like({"keep_aspect_ratio_policy": "not_larger"}, ("N", 4, "h", "w"), ("N", 1, "H", "W"))
    with pytest.raises(EdgeconvError, match="--input-shape"):
        load_onnx(model)


def test_a_window_over_weights_of_the_wrong_length_is_refused_at_run_time() -> None:
    """What cannot be checked while the batch is unknown is checked once it is: the state is made for 3 sequences."""
    inputs: list[Array] = [data(5, 3, 4), data(1, 3, 4), data(1, 3, 3), data(1, 3, 3)]
    case = Case("state", "RNN", (*inputs[:3], None, None, inputs[3]), {"hidden_size": 3}, (1, 2, 5), dynamic=1)
    interpreter = Interpreter(to_program(load_onnx(model_of(case))))
    interpreter.run(None, feeds_of(case))
    with pytest.raises(EdgeconvError, match="initial_h"):
        interpreter.run(None, {"input0": data(5, 2, 4)})


def test_recurrent_weights_may_be_stored_in_half_precision() -> None:
    x, w, r = data(5, 2, 4), data(1, 3, 4, dtype="float16"), data(1, 3, 3, dtype="float16")
    node = helper.make_node("RNN", ["x", "w", "r"], ["y"], hidden_size=3)
    graph = helper.make_graph(
        [node],
        "half",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(r, "r")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    (found,) = Interpreter(to_program(load_onnx(model))).run(None, {"x": x})
    state = np.zeros((2, 3))
    for t in range(5):
        state = np.tanh(x[t] @ w[0].T.astype(np.float64) + state @ r[0].T.astype(np.float64))
        np.testing.assert_allclose(found[t, 0], state, rtol=1e-5, atol=1e-6)
