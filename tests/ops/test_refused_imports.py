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
CROP, ROI = {"coordinate_transformation_mode": "tf_crop_and_resize"}, np.float32([0, 0, 0.1, 0.2, 1, 1, 0.8, 0.9])
NEAR = {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}

REFUSED = [
    (Case("norm", "GlobalLpPool", (X,), {"p": 3}), "p=3"),
    (Case("axes", "ReduceSum", (X, np.array([1])), {}), "'axes' is computed at run time"),
    (Case("axis", "ReduceSum", (X, np.array([4])), {}, (1,)), "axis 4"),
    (Case("stash", "LayerNormalization", (X, data(6)), {"stash_type": 10}, (1,)), "stash_type"),
    (Case("groups", "GroupNormalization", (X, data(3), data(3)), {"num_groups": 2}, (1, 2), opset=18), "2 groups"),
    (Case("kernel", "ConvTranspose", (X, data(4, 3, 3, 3)), {"kernel_shape": [2, 2]}, (1,)), "kernel_shape"),
    (Case("of old", "Slice", (X,), {"starts": [0], "ends": [1]}, opset=13), "'ends' is an input in the model's opset"),
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
    (Case("cubic crop", "Resize", (X, ROI, None, SIZES), {**CROP, "mode": "cubic"}, (1, 3)), "resizes by 'cubic'"),
    (
        Case("open crop", "Resize", (X, ROI, None, SIZES), {**CROP, "mode": "linear"}, (1,)),
        "'sizes' is computed at run",
    ),
    (Case("neither", "Resize", (X,)), "needs scales, or sizes"),
    (Case("mode", "Resize", (X, None, SCALES), {"mode": "lanczos"}, (2,)), "lanczos"),
    (Case("count", "Resize", (X, None, SCALES[:3]), {}, (2,)), "needs 4 scales"),
    (Case("aspect", "Resize", (X, None, None, SIZES[2:]), NEAR, (3,), opset=18, dynamic=2), "not_larger"),
    (Case("rank", "LSTM", (data(5, 2, 4), data(1, 12, 4), data(12, 3)), {}, (1, 2)), "rank 3"),
    (Case("unknown", "LSTM", (data(5, 2, 4), data(1, 12, 4), data(1, 12, 3)), {"zoneout": 1}), "argument 'zoneout'"),
    (Case("unknown", "Conv", (X, data(4, 4, 3, 3)), {"tiles": 1}, (1,)), "argument 'tiles'; edgeconv does not know"),
    (Case("activation", "RNN", (data(5, 2, 4), data(1, 3, 4), data(1, 3, 3)), {"activations": ["Mish"]}), "mish"),
]


def _microsoft(op_type: str, inputs: Sequence[Array | None], outputs: int = 1, **attributes: object) -> Case:
    return Case("refused", op_type, inputs, attributes, (), outputs, domain="com.microsoft", dynamic=None)


def _learned(op_type: str, **attributes: object) -> Case:
    return Case("refused", op_type, (data(2, 4),), attributes, domain="ai.onnx.ml", domain_opset=3)


PACKED, SCALE = data(6, 4, 8, low=0, high=255, dtype="uint8"), np.float32(0.1)
ROWS, IDS, LENGTH = data(2, 5, 12), np.int32([[1, 0, 2], [2, 2, 1]]), np.int32([5])
BYTES = ROWS.astype(np.uint8)
WEIGHTS, KEYS, ANGLES = data(12, 36), data(2, 7, 12), data(9, 4)
HEADS, GROUPS = {"num_heads": 3}, {"num_heads": 4, "kv_num_heads": 2}
REFUSED += [
    (_microsoft("Attention", (ROWS, WEIGHTS, None, None, None, None, LENGTH), **HEADS), "'past_sequence_length'"),
    (_microsoft("Attention", (ROWS, WEIGHTS), do_rotary=1, **HEADS), "turns what it compares"),
    (_microsoft("Attention", (ROWS, data(3, 12, 12)), **HEADS), "turns what it compares"),
    (_microsoft("Attention", (ROWS, WEIGHTS), num_heads=5), "5 heads do not share"),
    (_microsoft("Attention", (ROWS, WEIGHTS, None, np.zeros((2, 1, 5, 5), np.int32)), **HEADS), "its mask"),
    (_microsoft("MultiHeadAttention", (ROWS, KEYS, KEYS), 4, **HEADS), "scores are an output"),
    (_microsoft("MultiHeadAttention", (data(2, 5, 3, 3, 4),), **HEADS), "packed"),
    (_microsoft("MultiHeadAttention", (ROWS, data(2, 3, 7, 4), data(2, 3, 7, 4), data(36)), **HEADS), "adds a bias to"),
    (
        _microsoft("GroupQueryAttention", (data(1, 5, 128), *[None] * 4, IDS, LENGTH), smooth_softmax=1, **GROUPS),
        "smooth",
    ),
    (
        _microsoft("GroupQueryAttention", (data(1, 5, 128), *[None] * 4, IDS, LENGTH), do_rotary=1, **GROUPS),
        "no tables",
    ),
    (_microsoft("GroupQueryAttention", (data(1, 5, 126), *[None] * 4, IDS, LENGTH), **GROUPS), "does not hold 4 heads"),
    (_microsoft("RotaryEmbedding", (ROWS, np.int64([[0]]), ANGLES, ANGLES), is_packed_batching=1), "several lengths"),
    (_microsoft("RotaryEmbedding", (ROWS, np.int64([[0]]), ANGLES, ANGLES), num_heads=3), "do not fit"),
    (
        _microsoft("EmbedLayerNormalization", (IDS, None, data(3, 8), None, None, data(8), data(8))),
        "needs embeddings",
    ),
    (_microsoft("BiasSplitGelu", (data(2, 5, 7), data(7))), "no two halves"),
    (_microsoft("SkipGroupNorm", (X, P[0], P[1], X), groups=2, channels_last=0), "channels come first"),
    (_microsoft("GroupNorm", (X, data(6), data(6)), groups=2, activation=3), "activation 3 is neither"),
    (_microsoft("FusedConv", (X, data(4, 4, 3, 3)), activation="Mish"), "its activation is 'Mish'"),
    (_microsoft("SimplifiedLayerNormalization", (ROWS, data(12)), 2), "statistics"),
    (_microsoft("QGemm", (BYTES, SCALE, np.uint8(0), BYTES.astype(np.int8), SCALE, np.int8(0))), "two matrices"),
    (_microsoft("Attention", (ROWS, WEIGHTS), past_present_share_buffer=1, **HEADS), "shares its buffers"),
    (
        _microsoft("QAttention", (BYTES, WEIGHTS.astype(np.int8), data(36), SCALE, SCALE), do_rotary=1, **HEADS),
        "turns what",
    ),
    (_microsoft("MatMulNBits", (data(3, 64), PACKED, data(24)), K=64, N=6, bits=2, block_size=16), "bits"),
    (_microsoft("DequantizeLinear", (LENGTH.astype(np.int8), SCALE, np.int8(0)), block_size=2), "blocks of 2"),
    (
        _microsoft("QLinearConcat", (SCALE, np.uint8(0), np.uint8([1]), SCALE), axis=0),
        "needs a scale and a zero point for each",
    ),
    (Case("kernel", "Conv", (X, data(4, 4, 3, 3)), {"kernel_shape": [2, 2]}, (1,)), "kernel_shape"),
    (Case("pad", "Conv", (X, data(4, 4, 3, 3)), {"auto_pad": "SAME"}, (1,)), "none of NOTSET"),
    (
        Case("open", "Conv", (X, data(4, 4, 2, 2)), {"auto_pad": "SAME_UPPER", "strides": [3, 3]}, (1,), dynamic=2),
        "fixed spatial shape",
    ),
    (Case("sizes", "Split", (X, np.int64([2, 2, 2])), {"axis": 1}, (), 2, opset=13), "needs 2 sizes"),
    (Case("long", "STFT", (data(1, 32, 1), np.int64(4), None, np.int64(64)), {}, (1, 3), dynamic=None), "do not fit"),
    (Case("open", "STFT", (data(1, 32, 1), np.int64(4), None, np.int64(8)), {}, (1, 3), dynamic=1), "unknown length"),
    (Case("batch", "TensorScatter", (X, X[:, :, :2]), {"axis": 2}, opset=24), "needs write_indices"),
    (Case("windows", "MaxUnpool", (X, np.zeros((2, 4, 6, 6), np.int64)), {"kernel_shape": [2]}), "unpools"),
    (_learned("SVMRegressor", coefficients=[1.0], rho=[0.0], support_vectors=[1.0] * 7, n_supports=2), "7 numbers"),
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
