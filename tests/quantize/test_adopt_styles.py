"""Quantized models as PyTorch's quantization-aware training and tf2onnx write them: int8, and ONNX's integers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeconv.core import Array
from tests.harness import data
from tests.quantize.quantized_models import Builder, reference
from tests.quantize.test_adopt import ints, kept


def names(model: onnx.ModelProto, feeds: dict[str, Array], share: float = 0.998, floats: int = 0) -> list[str]:
    """The operators of the converted model, whose outputs are the reference's on at least a `share` of the elements."""
    converted = kept(model, floats)
    (wanted,), (found,) = reference(model, feeds), converted.interpreter().run(None, feeds)
    assert wanted.size >= 500
    assert len(np.unique(wanted)) > 20
    assert np.mean(np.isclose(found, wanted, rtol=1e-5, atol=1e-6)) >= share
    return [node.op_name for node in converted.graph.nodes]


def _norm(b: Builder, x: str, channels: int, sign: Array) -> str:
    """BatchNormalization of so many channels, of both signs."""
    spread = np.linspace(0.5, 1.7, channels).astype(np.float32)
    vectors = [spread * sign, data(channels), data(channels, low=-0.3, high=0.3), spread]
    return b.node("BatchNormalization", x, *(b.constant(np.float32(each)) for each in vectors))


@pytest.mark.parametrize("kind", ["per tensor", "per channel", "uint8"])
def test_training_with_rounded_weights_before_batch_norm(kind: str) -> None:
    """Conv, Div by what the weights were multiplied with, Add of the bias, BatchNormalization."""
    b, sign = Builder(), np.float32([1, -1, 1, 1, -1, 1])
    x = b.pair(b.input("N", 4, 9, 9), 0.0313, 120)
    scale = np.linspace(0.002, 0.01, 6) if kind == "per channel" else 0.0041
    dtype, zero = ("uint8", 131) if kind == "uint8" else ("int8", 0)
    w = b.weight(ints(6, 4, 3, 3, dtype=dtype), scale, np.zeros(6, int) if kind == "per channel" else zero)
    y = b.node("Conv", x, w, pads=[1, 1, 1, 1])
    y = b.node("Div", y, b.constant(np.linspace(0.4, 1.9, 6).astype(np.float32).reshape(1, 6, 1, 1)))
    y = b.node("Add", y, b.constant(data(6).reshape(1, 6, 1, 1)))
    y = b.pair(b.node("Relu", _norm(b, y, 6, sign)), 0.1717, 3)
    assert names(b.model(y), {"x": data(6, 4, 9, 9, low=-4, high=4)}) == ["Conv"]


def test_a_channel_that_batch_norm_turns_off() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 9, 9), 0.0313, 120)
    y = b.node("Conv", x, b.weight(ints(6, 4, 3, 3), 0.0041, 0))
    y = b.pair(_norm(b, y, 6, np.float32([1, 0, 1, 1, 0, 1])), 0.0717, 128)
    assert names(b.model(y), {"x": data(6, 4, 9, 9, low=-4, high=4)}) == ["Conv"]


def _narrow(b: Builder, x: str, scale: float, zero_point: int) -> str:
    """A pair with Clip to 7 bits in it."""
    q = b.quantize(x, scale, zero_point)
    q = b.node("Clip", q, b.constant(np.uint8(0)), b.constant(np.uint8(127)))
    return b.dequantize(q, scale, zero_point)


def test_fewer_bits_by_clip() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 9, 9), 0.0313, 120)
    y = b.node("Conv", x, b.weight(ints(6, 4, 3, 3), 0.0041, 0), b.constant(data(6)))
    y = _narrow(b, y, 0.0917, 57)
    y = b.node("Conv", y, b.weight(ints(5, 6, 3, 3), 0.0041, 0), b.constant(data(5)))
    y = _narrow(b, b.node("Relu", y), 0.0917, 3)
    assert names(b.model(y), {"x": data(8, 4, 9, 9, low=-4, high=4)}) == ["Conv", "Conv"]


def test_relu_behind_the_rounding_is_on_its_grid() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 9, 9), 0.0313, 120)
    y = b.node("Relu", x)
    y = b.node("MaxPool", y, kernel_shape=[2, 2])
    y = b.pair(b.node("Conv", y, b.weight(ints(6, 4, 3, 3), 0.0041, 0), b.constant(data(6))), 0.1317, 128)
    assert names(b.model(y), {"x": data(8, 4, 9, 9, low=-4, high=4)}) == ["Lookup", "MaxPool", "Conv"]


def test_a_bound_beside_the_grid_stays_what_it_is() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 9, 9), 0.0313, 120)
    y = b.node("Clip", x, b.constant(np.float32(-1)), b.constant(np.float32(1)))
    y = b.pair(b.node("Conv", y, b.weight(ints(6, 4, 3, 3), 0.0041, 0)), 0.0717, 128)
    assert "Clamp" in names(b.model(y), {"x": data(6, 4, 9, 9, low=-4, high=4)}, floats=2)


def test_tensorflow_with_channels_last() -> None:
    """Data as NHWC, weights as HWIO behind their DequantizeLinear, the bias int32, Relu6 at 6 / 255, a product."""
    b, to_first, to_last = Builder(), [0, 3, 1, 2], [0, 2, 3, 1]
    x = b.pair(b.input("N", 9, 9, 4), 0.0313, 120)
    w = b.node("Transpose", b.weight(ints(3, 3, 4, 6), np.linspace(0.002, 0.01, 6), [0] * 6, axis=3), perm=[3, 2, 0, 1])
    bias = b.weight(ints(6).astype(np.int32) * 31, np.float32(0.0313) * np.linspace(0.002, 0.01, 6).astype(np.float32),
                    np.zeros(6, np.int32))  # fmt: skip
    y = b.node("Conv", b.node("Transpose", x, perm=to_first), w, bias, auto_pad="SAME_UPPER", strides=[2, 2])
    y = b.node("Clip", b.node("Transpose", y, perm=to_last), b.constant(np.float32(0)), b.constant(np.float32(6)))
    y = b.pair(y, 6 / 255, 0)
    flat = b.node("Reshape", y, b.constant(np.int64([-1, 150])))
    w = b.node("Transpose", b.weight(ints(10, 150), 0.0037, 0), perm=[1, 0])
    y = b.node(
        "Add", b.node("MatMul", flat, w), b.weight(ints(10).astype(np.int32) * 70, 6 / 255 * 0.0037, np.int32(0))
    )
    y = b.pair(y, 0.1173, 131)
    found = names(b.model(y), {"x": data(60, 9, 9, 4, low=-4, high=4)})
    assert sorted(set(found) - {"Transpose", "Reshape"}) == ["Conv", "Dense"]


@pytest.mark.parametrize("axes", [[1, 2], [3]])
def test_tensorflow_means_with_channels_last(axes: list[int]) -> None:
    b = Builder()
    x = b.pair(b.input("N", 8, 8, 16), 0.05, 128)
    y = b.pair(b.node("ReduceMean", x, b.constant(np.int64(axes)), keepdims=0), 0.05, 128)
    assert names(b.model(y), {"x": data(40, 8, 8, 16, low=-6, high=6)}, share=1) == ["ReduceMean"]
