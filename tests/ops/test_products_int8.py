"""Conv and Dense in int8, bit for bit against the formula of DESIGN section 3, written out in integers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.integer import exact_product
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor

X_Q, Y_Q = QParams.per_tensor(0.031, -7), QParams.per_tensor(0.47, 11)


def requantize(acc: Array, scales: Array, axis: int, low: int = -128, high: int = 127, y_q: QParams = Y_Q) -> Array:
    """saturate(rint(float32(acc) * float32(sx * sw / sy)) + zy), clamped in the int8 domain."""
    factor = (np.float64(X_Q.scale[0]) * scales.astype(np.float64) / np.float64(y_q.scale[0])).astype(np.float32)
    shape = [1] * acc.ndim
    shape[axis] = -1
    values = np.rint(acc.astype(np.float32) * factor.reshape(shape)).astype(np.int64) + y_q.zero_point[0]
    return np.clip(values, low, high).astype(np.int8)


def integers(*shape: int, low: int = -128, high: int = 127, seed: int = 1) -> Array:
    return np.random.default_rng([seed, *shape]).integers(low, high + 1, shape).astype(np.int8)


def run_one(op: Conv | Dense, x: Array, weight: Array, w_q: QParams, bias: Array | None, memory: str = "fast") -> Array:
    known = [Tensor("x", TensorType("int8", x.shape, X_Q)), Tensor("w", type_of(weight, w_q))]
    types = [known[0].type, known[1].type]
    if bias is not None:
        known.append(Tensor("b", type_of(bias)))
        types.append(known[2].type)
    y = op.infer(*types)[0]
    known.append(Tensor("y", TensorType("int8", y.shape, Y_Q)))
    step = Step(op, tuple(range(len(known) - 1)), (len(known) - 1,))
    found: Array = Interpreter(Program(tuple(known), (step,), (0,), (len(known) - 1,)), memory=memory)(x, raw=True)
    return found


def conv_accumulator(x: Array, w: Array, bias: Array | None, conv: Conv) -> Array:
    """int64 sums over explicit windows of the input with its zero point taken off (so that padding is zero)."""
    centred = x.astype(np.int64) - X_Q.zero_point[0]
    rank, axes = len(conv.strides), tuple(range(2, x.ndim))
    margins = tuple(zip(conv.pads[:rank], conv.pads[rank:], strict=True))
    padded = np.pad(centred, ((0, 0), (0, 0), *margins))
    span = tuple((size - 1) * dilation + 1 for size, dilation in zip(w.shape[2:], conv.dilations, strict=True))
    every = tuple(slice(None, None, step) for step in (1, 1, *conv.strides, *conv.dilations))
    windows = np.moveaxis(sliding_window_view(padded, span, axis=axes)[every], 1, 1 + rank)
    per_in, per_out = w.shape[1], w.shape[0] // conv.groups
    parts = []
    for g in range(conv.groups):
        taps = w[g * per_out : (g + 1) * per_out].astype(np.int64).reshape(per_out, -1)
        seen = windows[(..., slice(g * per_in, (g + 1) * per_in), *(slice(None),) * rank)]
        parts.append(np.moveaxis(seen.reshape(*windows.shape[: 1 + rank], -1) @ taps.T, -1, 1))
    acc = np.concatenate(parts, axis=1)
    return acc if bias is None else acc + bias.astype(np.int64).reshape(1, -1, *(1,) * rank)


def check_conv(conv: Conv, x_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """With a bias and scales per channel, in both kinds of memory: the bytes of the definition."""
    x, weight, bias = integers(*x_shape), integers(*shape, low=-127), integers(shape[0]).astype(np.int32)
    scales = np.linspace(0.002, 0.02, shape[0]).astype(np.float32)
    wanted = requantize(conv_accumulator(x, weight, bias, conv), scales, 1)
    for memory in ("fast", "small"):
        found = run_one(conv, x, weight, QParams.per_channel(scales, 0), bias, memory)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 2, 0, 1)])
@pytest.mark.parametrize("dilations", [(1, 1), (1, 2)])
@pytest.mark.parametrize("biased", [False, True])
def test_conv(
    groups: int, strides: tuple[int, int], pads: tuple[int, ...], dilations: tuple[int, int], biased: bool
) -> None:
    conv = Conv(strides, pads, dilations, groups)
    x, w = integers(2, 6, 7, 9), integers(6, 6 // groups, 3, 2, low=-127)
    scales = np.linspace(0.002, 0.02, 6).astype(np.float32)
    bias = integers(6).astype(np.int32) * 91 if biased else None
    found = run_one(conv, x, w, QParams.per_channel(scales, 0), bias)
    np.testing.assert_array_equal(found, requantize(conv_accumulator(x, w, bias, conv), scales, 1))


def test_conv_clamps_in_real_units() -> None:
    conv = Conv((1, 1), (0, 0, 0, 0), (1, 1), low=0.0, high=6.0)
    x, w = integers(1, 6, 7, 9), integers(6, 6, 3, 3, low=-127)
    scales = np.full(6, 0.01, np.float32)
    found = run_one(conv, x, w, QParams.per_channel(scales, 0), None)
    # 0.0 is the zero point 11; 6.0 / 0.47 = 12.77 rounds to 13.
    np.testing.assert_array_equal(found, requantize(conv_accumulator(x, w, None, conv), scales, 1, 11, 24))


def test_conv_beyond_float32_stays_exact() -> None:
    """3 * 3 * 256 taps of 127 * -128 reach 2**25, where float32 skips odd integers."""
    conv = Conv((1, 1), (1, 1, 1, 1), (1, 1))
    x = np.full((1, 256, 4, 4), -128, np.int8)
    x[:, ::3] = integers(1, 86, 4, 4)
    w = np.full((2, 256, 3, 3), 127, np.int8)
    w[1] = integers(256, 3, 3, low=-127)
    scales = np.array([1e-5, 3e-4], np.float32)
    found = run_one(conv, x, w, QParams.per_channel(scales, 0), None)
    np.testing.assert_array_equal(found, requantize(conv_accumulator(x, w, None, conv), scales, 1))


def beyond_float32(taps: int) -> tuple[Array, Array, Array, Array]:
    """x (taps,), rows (6, taps), scales and real biases: sums beyond 2**24 of which the biases leave a few steps."""
    x = np.full(taps, -128, np.int8)
    rows = integers(6, taps, low=-127, high=-126)
    scales = np.linspace(9, 15, 6).astype(np.float32)
    sums = rows.astype(np.int64) @ (x.astype(np.int64) - X_Q.zero_point[0])
    biases = -(sums + np.arange(-40, 80, 20)) * np.float64(X_Q.scale[0]) * scales.astype(np.float64)
    return x, rows, scales, biases.astype(np.float32)


def with_real_bias(acc: Array, scales: Array, bias: Array) -> Array:
    """saturate(rint(float32(acc) * float32(sx * sw / sy) + float32(bias / sy)) + zy) for acc (..., outputs)."""
    factor = (np.float64(X_Q.scale[0]) * scales.astype(np.float64) / np.float64(Y_Q.scale[0])).astype(np.float32)
    values = acc.astype(np.float32) * factor + (bias.astype(np.float64) / np.float64(Y_Q.scale[0])).astype(np.float32)
    assert values.dtype == np.float32
    return np.clip(np.rint(values) + Y_Q.zero_point[0], -128, 127).astype(np.int8)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("taps", [1206, 1800, 4500])
def test_conv_in_two_products(taps: int, kernel: int) -> None:
    x, rows, scales, bias = beyond_float32(taps)
    acc = rows.astype(np.int64) @ (x.astype(np.int64) - X_Q.zero_point[0])
    assert abs(acc).min() > 2**24 and (acc % 2).any()
    w, image = rows.reshape(6, -1, kernel, kernel), x.reshape(1, -1, kernel, kernel)
    found = run_one(Conv((1, 1), (0, 0, 0, 0), (1, 1)), image, w, QParams.per_channel(scales, 0), bias)
    wanted = with_real_bias(acc, scales, bias)
    np.testing.assert_array_equal(found.reshape(-1), wanted)
    assert np.unique(wanted).size > 3


@pytest.mark.parametrize("taps", [1206, 1800, 4500])
def test_dense_in_two_products(taps: int) -> None:
    x, rows, scales, bias = beyond_float32(taps)
    acc = rows.astype(np.int64) @ (x.astype(np.int64) - X_Q.zero_point[0])
    found = run_one(Dense(), x[None], np.ascontiguousarray(rows.T), QParams.per_channel(scales, 1), bias)
    np.testing.assert_array_equal(found[0], with_real_bias(acc, scales, bias))


def test_two_products_where_one_is_not_exact_and_two_are() -> None:
    none = np.zeros(6, np.int64)
    bounds = {taps: exact_product(beyond_float32(taps)[1], none, -121, 134) for taps in (900, 1206, 1800, 4500)}
    assert bounds == {900: ("float32", 0), 1206: ("float32", 603), 1800: ("float32", 900), 4500: ("float64", 0)}


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("shape", [(5, 33), (2, 3, 33), (33,)])
def test_dense(shape: tuple[int, ...], biased: bool) -> None:
    x, w = integers(*shape), integers(33, 4, low=-127)
    scales = np.linspace(0.001, 0.03, 4).astype(np.float32)
    bias = integers(4).astype(np.int32) * 300 if biased else None
    acc = (x.astype(np.int64) - X_Q.zero_point[0]) @ w.astype(np.int64)
    acc = acc if bias is None else acc + bias
    found = run_one(Dense(), x, w, QParams.per_channel(scales, 1), bias)
    np.testing.assert_array_equal(found, requantize(acc, scales, -1))
