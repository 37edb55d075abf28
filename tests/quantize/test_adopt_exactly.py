"""Models that come quantized, where the rounding of the source shows: the integers are ONNX's, all of them.

Scales here are such that many sums lie half way between two integers; sums of products in float32 are exact or short.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import edgeconv
from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.model import Model
from edgeconv.ops.integer import multiplier
from edgeconv.runtime import Interpreter
from tests.quantize.quantized_models import Builder, reference
from tests.quantize.test_adopt import ints, kept


def assert_same(b: Builder, y: str, feeds: dict[str, Array], operators: Sequence[str], share: float = 1) -> Model:
    """The outputs are the reference's, of so many `operators`; at least a `share` of them to the last integer."""
    model = b.model(y)
    converted = kept(model)
    assert [node.op_name for node in converted.graph.nodes] == list(operators)
    (wanted,), (found,) = reference(model, feeds), converted.interpreter().run(None, feeds)
    assert wanted.size >= 1000
    assert len(np.unique(wanted)) > 20
    assert np.mean(wanted == found) >= share
    from_file = Interpreter(converted.to_bytes()).run(None, feeds)[0]
    np.testing.assert_array_equal(from_file, found)
    return converted


def every(*shape: int, seed: int = 0) -> dict[str, Array]:
    """A feed of integers that come as real values, of the whole range."""
    return {"x": (ints(*shape, seed=seed, dtype="uint8").astype(np.float32) - 120) * np.float32(0.05)}


@pytest.mark.parametrize(("op", "axes"), [
    ("GlobalAveragePool", None),
    ("ReduceMean", [2, 3]),
    ("ReduceMean", [1]),
    ("ReduceMean", [1, 2]),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(40, 36, 2, 2), (40, 32, 4, 10), (40, 64, 12, 12)])
def test_means_that_keep_their_scale(op: str, axes: list[int] | None, shape: tuple[int, ...]) -> None:
    b = Builder()
    x = b.pair(b.input("N", *shape[1:]), 0.05, 120)
    more = [] if axes is None else [b.constant(np.int64(axes))]
    y = b.pair(b.node(op, x, *more), 0.05, 120)
    feeds = every(*shape)
    model = b.model(y)
    (wanted,), (found,) = reference(model, feeds), kept(model).interpreter().run(None, feeds)
    np.testing.assert_array_equal(found, wanted)
    ties = np.rint(feeds["x"] / np.float32(0.05)).mean(axis=tuple(axes or (2, 3)), dtype=np.float64) % 1 == 0.5
    assert ties.any() or axes == [1, 2]


@pytest.mark.parametrize("attributes", [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3]},
    {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1]},
    {"kernel_shape": [3, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1, "strides": [2, 1]},
    {"kernel_shape": [12, 12], "strides": [4, 4]},
])  # fmt: skip
def test_average_pools_that_keep_their_scale(attributes: dict[str, Any]) -> None:
    b = Builder()
    x = b.pair(b.input("N", 5, 16, 16), 0.05, 120)
    y = b.pair(b.node("AveragePool", x, **attributes), 0.05, 120)
    model, feeds = b.model(y), every(6, 5, 16, 16)
    (wanted,), (found,) = reference(model, feeds), kept(model).interpreter().run(None, feeds)
    np.testing.assert_array_equal(found, wanted)


def test_one_window_that_leaves_a_rim() -> None:
    b = Builder()
    x = b.pair(b.input("N", 64, 25, 5), 0.05, 120)
    y = b.pair(b.node("AveragePool", x, kernel_shape=[24, 5], strides=[24, 5]), 0.05, 120)
    assert_same(b, y, every(20, 64, 25, 5), ["AveragePool"])


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Min"])
@pytest.mark.parametrize("relu", [False, True])
def test_two_inputs_at_scales_that_divide_each_other(op: str, relu: bool) -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 20, 20), 0.05, 120)
    other = b.pair(b.node("Transpose", x, perm=[0, 1, 3, 2]), 0.1, 131)
    y = b.node(op, x, other)
    y = b.pair(b.node("Relu", y) if relu else y, 0.2, 128)
    assert_same(b, y, every(3, 4, 20, 20), ["Transpose", "Lookup", op])


def test_joined_tensors_at_scales_that_divide_each_other() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 20, 20), 0.05, 120)
    other = b.pair(b.node("Relu", x), 0.15, 3)
    y = b.pair(b.node("Concat", x, other, axis=1), 0.1, 60)
    assert_same(b, y, every(3, 4, 20, 20), ["Lookup", "Concat"])


def _bias(count: int) -> Array:
    return np.linspace(-3.4, 2.1, count).astype(np.float32)


def test_a_real_bias_of_a_convolution_is_not_rounded() -> None:
    b = Builder()
    x = b.pair(b.input("N", 3, 12, 12), 0.05, 120)
    w = b.weight(ints(5, 3, 3, 3) // 40, np.linspace(0.7, 1.1, 5), [0] * 5)
    y = b.node("Conv", x, w, b.constant(_bias(5)), pads=[1, 1, 1, 1])
    y = b.pair(b.node("Relu", y), 0.171, 3)
    converted = assert_same(b, y, every(8, 3, 12, 12), ["Conv"], share=0.999)
    (node,) = converted.graph.nodes
    stored = converted.graph.constant(node.inputs[2])
    assert stored is not None
    np.testing.assert_array_equal(stored, _bias(5))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_real_bias_beside_planes_and_a_residual(batch: int) -> None:
    b = Builder()
    x = b.pair(b.input("N", 4, 12, 12), 0.05, 120)
    for channel in range(2):
        w = b.weight(ints(4, 4, 3, 3, seed=channel) // 40, 0.3137, 0)
        h = b.node("Conv", x, w, b.constant(_bias(4)), pads=[1, 1, 1, 1])
        x = b.pair(b.node("Add", h, x) if channel else h, 0.3711, 128)
    assert_same(b, x, every(batch + 2, 4, 12, 12), ["Conv", "Conv"], share=0.995)


def test_a_real_bias_of_a_linear_layer_is_not_rounded() -> None:
    b = Builder()
    x = b.pair(b.input("N", 24), 0.05, 120)
    y = b.node("MatMul", x, b.weight(ints(24, 40) // 30, 0.9, 0))
    y = b.pair(b.node("Add", y, b.constant(_bias(40))), 0.41, 128)
    assert_same(b, y, every(50, 24), ["Dense"], share=0.999)


def test_a_real_bias_of_a_transposed_convolution_is_not_rounded() -> None:
    b = Builder()
    x = b.pair(b.input("N", 3, 6, 6), 0.05, 120)
    w = b.weight(ints(3, 4, 2, 2) // 40, 0.9, 0)
    y = b.pair(b.node("ConvTranspose", x, w, b.constant(_bias(4)), strides=[2, 2]), 0.171, 128)
    assert_same(b, y, every(4, 3, 6, 6), ["ConvTranspose"], share=0.999)


def test_a_bias_of_whole_steps_stays_int32() -> None:
    b = Builder()
    x = b.pair(b.input("N", 24), 0.05, 120)
    w, bias = b.weight(ints(24, 40), 0.9, 0), np.arange(-20, 20, dtype=np.int32) * 70001
    y = b.node("Gemm", x, w, b.weight(bias, np.float32(0.05) * np.float32(0.9), np.int32(0)))
    (node,) = kept(b.model(b.pair(y, 20.0, 128))).graph.nodes
    stored = edgeconv.convert(b.model(b.pair(y, 20.0, 128))).graph.constant(node.inputs[2])
    assert stored is not None
    np.testing.assert_array_equal(stored, bias)


def test_a_bias_that_is_not_finite_is_refused() -> None:
    b = Builder()
    x = b.pair(b.input("N", 4), 0.05, 120)
    y = b.node("Gemm", x, b.weight(ints(4, 3), 0.9, 0), b.constant(np.float32([0.1, np.nan, 2])))
    y = b.pair(y, 0.41, 128)
    with pytest.raises(EdgeconvError, match="bias is not finite"):
        edgeconv.convert(b.model(y)).interpreter().run(None, every(2, 4))


@pytest.mark.parametrize("per_channel", [False, True])
def test_integer_operators_have_the_multiplier_of_the_source(per_channel: bool) -> None:
    random = np.random.default_rng(3)
    s_w = random.uniform(0.001, 0.01, 64 if per_channel else 1).astype(np.float32)
    s_x, s_y = np.float32(0.0314), np.float32(0.1117)
    b = Builder()
    q = b.quantize(b.input("N", 4, 8, 8), s_x, 120)
    x, y = ((b.constant(s), b.constant(np.uint8(120))) for s in (s_x, s_y))
    w = (b.constant(s_w if per_channel else s_w[0]), b.constant(np.zeros(64 if per_channel else (), np.int8)))
    q = b.node("QLinearConv", q, *x, b.constant(ints(64, 4, 3, 3)), *w, *y)
    converted = kept(b.model(b.dequantize(q, s_y, 120)))
    (node,) = converted.graph.nodes
    scales = converted.graph.types[node.inputs[1]].q
    assert scales is not None
    wanted = s_x * s_w / s_y
    assert wanted.dtype == np.float32
    found = multiplier(np.array(scales.scale) * float(s_x), float(s_y))
    assert np.mean(found == wanted) >= 0.8
    np.testing.assert_allclose(found, wanted, rtol=1.3e-7)
    plain = multiplier(s_w.astype(np.float64) * float(s_x), float(s_y))
    assert not per_channel or np.mean(plain == wanted) < 0.8
