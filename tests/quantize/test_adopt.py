"""Models that come quantized: int8 without calibration, and the integers of ONNX's reference evaluator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import edgeconv
from edgeconv.core import Array
from edgeconv.errors import UsageError
from edgeconv.model import Model
from tests.harness import data, reference_outputs
from tests.quantize.quantized_models import Builder, reference


def ints(*shape: int, seed: int = 0, dtype: str = "int8") -> Array:
    """Deterministic integers over the whole range of `dtype` (-127 the least)."""
    limits = np.iinfo(dtype)
    return np.random.default_rng([seed, *shape]).integers(max(limits.min, -127), limits.max + 1, shape, dtype)


def kept(model: onnx.ModelProto, floats: int = 0) -> Model:
    """The converted model, with so many operators left in float, borders not counted."""
    converted = edgeconv.convert(model)
    left = [node for node in converted.float_nodes if "own integers" not in node.reason]
    assert len(left) == floats, left
    return converted


def assert_agrees(model: onnx.ModelProto, feeds: dict[str, Array], step: float, floats: int = 0) -> Model:
    """Outputs equal the reference's; a rounding tie may fall the other way on 2 of 100 elements, by one `step`."""
    converted = kept(model, floats)
    for want, have in zip(reference(model, feeds), converted.interpreter().run(None, feeds), strict=True):
        assert want.dtype == have.dtype
        assert want.shape == have.shape
        off = np.abs(want.astype(np.float64) - have)
        assert off.max() <= step * 1.001
        assert np.mean(off == 0) >= 0.98
    return converted


WEIGHTS = {
    "int8 per channel": ("int8", np.linspace(0.002, 0.01, 6), [0] * 6),
    "int8 per tensor": ("int8", 0.004, 0),
    "uint8 per tensor": ("uint8", 0.004, 131),
    "uint8 per channel": ("uint8", np.linspace(0.002, 0.01, 6), [0, 255, 128, 7, 200, 131]),
    "int8 asymmetric": ("int8", np.linspace(0.002, 0.01, 6), [3, -8, 0, 127, -128, 1]),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_conv_with_relu(kind: str, dtype: str) -> None:
    b, (weight_dtype, scale, zero_point) = Builder(), WEIGHTS[kind]
    x = b.pair(b.input("N", 4, 9, 9), 0.031, 120 if dtype == "uint8" else -8, dtype)
    w = b.weight(ints(6, 4, 3, 3, dtype=weight_dtype), scale, zero_point)
    bias = b.weight(np.int32([50000, -3, 9, 1200, 0, -77777]), 0.031 * np.float32(scale), np.int32(zero_point) * 0)
    y = b.node("Relu", b.node("Conv", x, w, bias, pads=[1, 1, 1, 1], strides=[2, 2]))
    y = b.pair(y, 0.17, 3 if dtype == "uint8" else -125, dtype)
    converted = assert_agrees(b.model(y), {"x": data(3, 4, 9, 9, low=-4, high=4)}, 0.17)
    assert converted.conversion.method == "own"
    assert [node.op_name for node in converted.graph.nodes] == ["Conv"]


@pytest.mark.parametrize("kind", WEIGHTS)
def test_gemm_keeps_its_integers(kind: str) -> None:
    b, (weight_dtype, scale, zero_point) = Builder(), WEIGHTS[kind]
    stored = ints(6, 32, dtype=weight_dtype)
    x = b.pair(b.input("N", 32), 0.02, 128)
    y = b.node("Gemm", x, b.weight(stored, scale, zero_point), b.constant(data(6)), transB=1)
    y = b.pair(y, 0.05, 131)
    converted = assert_agrees(b.model(y), {"x": data(5, 32)}, 0.05)
    (node,) = converted.graph.nodes
    known = converted.graph.types[node.inputs[1]]
    assert known.value is not None and known.q is not None
    column = known.value.astype(np.int64) - np.array(known.q.zero_point)
    np.testing.assert_array_equal(column.T, stored.astype(np.int64) - np.reshape(zero_point, (-1, 1)))


def test_transposed_convolution() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 5, 5), 0.03, 100)
    w = b.weight(ints(4, 3, 3, 3, dtype="uint8"), 0.005, 120)
    y = b.pair(b.node("ConvTranspose", x, w, strides=[2, 2]), 0.04, 128)
    assert_agrees(b.model(y), {"x": data(2, 4, 5, 5)}, 0.04)


def test_block_with_residual_concat_and_pools() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 8, 8), 0.031, 120)
    w = b.weight(ints(4, 4, 3, 3), np.linspace(0.002, 0.01, 4), [0] * 4)
    y = b.pair(b.node("Conv", x, w, pads=[1, 1, 1, 1]), 0.11, 128)
    both = b.pair(b.node("Add", x, y), 0.13, 127)
    joined = b.pair(b.node("Concat", x, both, axis=1), 0.13, 127)
    small = b.pair(b.node("MaxPool", joined, kernel_shape=[2, 2], strides=[2, 2]), 0.13, 127)
    mean = b.pair(b.node("AveragePool", small, kernel_shape=[2, 2], strides=[2, 2]), 0.06, 126)
    soft = b.pair(b.node("Softmax", b.node("Flatten", mean)), 1 / 255, 0)
    assert_agrees(b.model(soft), {"x": data(3, 4, 8, 8, low=-4, high=4)}, 1 / 255)


def test_functions_become_tables_with_their_own_rounding() -> None:
    b = Builder()
    x = b.pair(b.input("N", 300), 0.03, 128)
    y = b.pair(b.node("Sigmoid", x), 1 / 64, 0)
    y = b.pair(b.node("Exp", b.node("Div", y, b.constant(np.float32(0.3)))), 0.2, 0)
    converted = assert_agrees(b.model(y), {"x": data(2, 300, low=-4, high=4)}, 0.2)
    assert [node.op_name for node in converted.graph.nodes] == ["Lookup", "Lookup"]


def test_movement_between_two_scales() -> None:
    b = Builder()
    x = b.pair(b.input("N", 6, 8), 0.03, 128)
    y = b.node("Transpose", x, perm=[0, 2, 1])
    y = b.pair(y, 0.07, 100)
    assert_agrees(b.model(y), {"x": data(2, 6, 8, low=-4, high=4)}, 0.07)


def test_integers_are_moved_before_they_are_made_real() -> None:
    b = Builder()
    q = b.quantize(b.input("N", 4, 6, 6), 0.03, 128)
    q = b.node("Transpose", b.node("MaxPool", q, kernel_shape=[2, 2]), perm=[0, 2, 3, 1])
    y = b.pair(b.node("Mul", b.dequantize(q, 0.03, 128), b.constant(np.float32(1.7))), 0.05, 128)
    converted = assert_agrees(b.model(y), {"x": data(2, 4, 6, 6, low=-4, high=4)}, 0.05)
    assert [node.op_name for node in converted.graph.nodes] == ["MaxPool", "Transpose", "Lookup"]


def test_uint8_in_and_out() -> None:
    b = Builder()
    x = b.dequantize(b.input("N", 4, 6, 6, dtype="uint8"), 0.03, 128)
    w = b.weight(ints(3, 4, 3, 3), 0.004, 0)
    y = b.quantize(b.node("Conv", x, w), 0.1, 120)
    assert_agrees(b.model(y), {"x": ints(2, 4, 6, 6, dtype="uint8")}, 1)


def test_what_is_not_quantized_stays_in_float() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 6, 6), 0.03, 128)
    w = b.weight(ints(3, 4, 3, 3), 0.004, 0)
    raw = b.node("Conv", x, w)
    y = b.node("Conv", b.pair(raw, 0.1, 128), b.constant(data(2, 3, 3, 3)))
    feeds = {"x": data(2, 4, 6, 6, low=-3, high=3)}
    model = b.model(raw, y)
    converted = kept(model, floats=2)
    for want, have in zip(reference(model, feeds), converted.interpreter().run(None, feeds), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-4)


def test_weights_of_float_operators_stay_integers_in_the_file() -> None:
    b = Builder()
    x = b.pair(b.input("N", 64), 0.03, 128)
    y = b.node("MatMul", x, b.weight(ints(64, 80), np.linspace(0.01, 0.02, 80), [0] * 80, axis=1))
    model, feeds = b.model(y), {"x": data(2, 64, low=-3, high=3)}
    converted = kept(model, floats=1)
    assert converted.bytes_after < 64 * 80 * 2
    np.testing.assert_allclose(converted.interpreter().run(None, feeds)[0], reference(model, feeds)[0], rtol=1e-4)


def test_bias_and_scales_behind_the_product_are_folded() -> None:
    b = Builder()
    x = b.pair(b.input("N", 16), 0.03, 128)
    y = b.node("MatMul", x, b.weight(ints(16, 8), 0.01, 0))
    y = b.pair(b.node("Relu", b.node("Add", y, b.constant(data(8)))), 0.1, 0)
    scaled = b.node("MatMul", y, b.weight(ints(8, 8), 0.01, 0))
    scaled = b.pair(b.node("Mul", scaled, b.constant(data(8, low=1))), 0.3, 128)
    converted = assert_agrees(b.model(scaled), {"x": data(4, 16)}, 0.3)
    assert [node.op_name for node in converted.graph.nodes] == ["Dense", "Dense"]


def test_precision_fp32_and_exclusion() -> None:
    b = Builder()
    x = b.pair(b.input("N", 16), 0.03, 128)
    y = b.pair(b.node("MatMul", x, b.weight(ints(16, 8), 0.01, 0)), 0.1, 128)
    model, feeds = b.model(y), {"x": data(4, 16)}
    want = reference(model, feeds)[0]
    for converted in (edgeconv.convert(model, precision="fp32"), edgeconv.convert(model, exclude=["matmul*"])):
        np.testing.assert_allclose(converted.interpreter().run(None, feeds)[0], want, atol=0.1001)
        assert any(node.op_name == "Dense" for node in converted.graph.nodes)
    with pytest.raises(UsageError, match="matches no node"):
        edgeconv.convert(model, exclude=["nothing*"])


def test_samples_are_not_needed_and_said_not_to_be_used() -> None:
    b = Builder()
    y = b.pair(b.node("Sigmoid", b.pair(b.input("N", 16), 0.03, 128)), 0.1, 128)
    assert not edgeconv.convert(b.model(y)).warnings
    converted = edgeconv.convert(b.model(y), {"x": data(4, 16)})
    assert "not used" in converted.warnings[0]


def test_integer_operators_become_the_same_as_pairs() -> None:
    b = Builder()
    q = b.quantize(b.input("N", 4, 8, 8), 0.0314, 120)
    x, y, z = ((b.constant(np.float32(s)), b.constant(np.uint8(p))) for s, p in ((0.0314, 120), (0.111, 7), (0.31, 90)))
    w = (b.constant(ints(6, 4, 3, 3, dtype="uint8")), b.constant(np.float32(0.0041)), b.constant(np.uint8(120)))
    q = b.node("QLinearConv", q, *x, *w, *y, b.constant(np.int32([5000, -3, 9, 1200, 0, -7777])), strides=[2, 2])
    q = b.node("Flatten", b.node("MaxPool", q, kernel_shape=[3, 3]))
    w = (b.constant(ints(6, 5)), b.constant(np.float32(0.0072)), b.constant(np.int8(3)))
    q = b.node("QLinearMatMul", q, *y, *w, *z)
    converted = assert_agrees(b.model(b.dequantize(q, 0.31, 90)), {"x": data(3, 4, 8, 8, low=-4, high=4)}, 0.31)
    assert [node.op_name for node in converted.graph.nodes] == ["Conv", "MaxPool", "Reshape", "Dense"]


def test_residual_of_onnx_runtime_operators() -> None:
    b = Builder()
    scale, zero = b.constant(np.float32(0.0314)), b.constant(np.uint8(120))
    q = b.quantize(b.input("N", 4, 8, 8), 0.0314, 120)
    small = ints(4, 4, 3, 3) // 2  # ONNX Runtime saturates sums of two products at 16 bits
    w = (b.constant(small), b.constant(np.float32(0.0082)), b.constant(np.int8(0)))
    y = (b.constant(np.float32(0.1414)), b.constant(np.uint8(131)))
    conv = b.node("QLinearConv", q, scale, zero, *w, *y, pads=[1, 1, 1, 1])
    added = b.node("QLinearAdd", q, scale, zero, conv, *y, *y, domain="com.microsoft")
    mean = b.node("QLinearGlobalAveragePool", added, *y, scale, zero, domain="com.microsoft")
    model = b.model(b.dequantize(mean, 0.0314, 120))
    converted, feeds = kept(model), {"x": data(3, 4, 8, 8, low=-4, high=4)}
    assert [node.op_name for node in converted.graph.nodes] == ["Conv", "Add", "ReduceMean"]
    (want,) = reference_outputs(model, feeds, "onnxruntime")
    np.testing.assert_allclose(converted.interpreter().run(None, feeds)[0], want, atol=0.0315)


def test_products_of_inputs_quantized_at_run_time_keep_integer_weights() -> None:
    b = Builder()
    x = b.input("N", 64)
    q = b.node("DynamicQuantizeLinear", x, outputs=3)
    weights = b.constant(ints(64, 80))
    sums = b.node("MatMulInteger", q, weights, f"{q}_2", b.constant(np.int8(0)))
    y = b.node("Mul", b.node("Cast", sums, to=1), b.node("Mul", f"{q}_1", b.constant(np.float32(0.01))))
    model, feeds = b.model(y), {"x": data(2, 64)}
    converted = edgeconv.convert(model)
    stored = [known for _, known in converted.graph.constants() if known.dtype == "int8" and known.size == 64 * 80]
    assert len(stored) == 1
    np.testing.assert_allclose(converted.interpreter().run(None, feeds)[0], reference(model, feeds)[0], rtol=1e-6)
