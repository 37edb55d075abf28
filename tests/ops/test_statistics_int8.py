"""Pooling, reductions, Softmax and the normalisations in int8, against formulas written out in integers.

Where the arithmetic is one requantization of an exact sum, bit for bit; else within one step of the exact real value.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType
from edgeconv.errors import EdgeconvError
from edgeconv.ops.average_pool import AveragePool
from edgeconv.ops.base import Inputs, Operator
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.group_norm import GroupNorm
from edgeconv.ops.layer_norm import LayerNorm, RmsNorm
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.reduce import ReduceMax, ReduceMean, ReduceMin, ReduceSum
from edgeconv.ops.softmax import Softmax
from tests.ops.one_step import integers, run_step

X_Q, Y_Q = QParams.per_tensor(0.031, -7), QParams.per_tensor(0.047, 11)


def requantized(sums: Array, factor: Array | float) -> Array:
    """saturate(rint(float32(sum) * float32(factor)) + zero_point); sums are exact integers."""
    values = np.rint(sums.astype(np.float32) * np.asarray(factor, np.float64).astype(np.float32)).astype(np.int64)
    return np.clip(values + Y_Q.zero_point[0], -128, 127).astype(np.int8)


def nearest(real: Array, q: QParams = Y_Q) -> Array:
    """The unrounded place of real values on the integer scale, saturated."""
    return np.clip(real / q.scale[0] + q.zero_point[0], -128, 127)


def real(x: Array) -> Array:
    """What the integers stand for, in float64."""
    return (x.astype(np.float64) - X_Q.zero_point[0]) * X_Q.scale[0]


def assert_within_one(found: Array, exact: Array, q: QParams = Y_Q) -> None:
    assert np.abs(found.astype(np.float64) - nearest(exact, q)).max() <= 0.502


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 0, 2, 1)])
@pytest.mark.parametrize("batch", [1, 3])
def test_average_pool(count_include_pad: bool, pads: tuple[int, int, int, int], batch: int) -> None:
    x = integers(batch, 2, 7, 8)
    found = run_step(AveragePool((3, 2), (2, 1), pads, (1, 1), False, count_include_pad), x, X_Q, Y_Q)
    top, left, bottom, right = pads
    spread = ((0, 0), (0, 0), (top, bottom), (left, right))
    centred = np.pad(x.astype(np.int64) - X_Q.zero_point[0], spread)
    counted = np.pad(np.ones_like(x, np.int64), spread, constant_values=int(count_include_pad))
    for i in range(found.shape[2]):
        for j in range(found.shape[3]):
            window = (..., slice(2 * i, 2 * i + 3), slice(j, j + 2))
            sums, counts = (array[window].sum(axis=(2, 3)) for array in (centred, counted))
            factor = np.float64(X_Q.scale[0]) / counts / np.float64(Y_Q.scale[0])
            np.testing.assert_array_equal(found[:, :, i, j], requantized(sums, factor))


@pytest.mark.parametrize("op", [ReduceMean, ReduceSum])
@pytest.mark.parametrize("axes", [(2, 3), (1,), (0, 2), (3,), (0, 1, 2, 3), ()])
def test_sums(op: type[ReduceMean] | type[ReduceSum], axes: tuple[int, ...]) -> None:
    x = integers(2, 3, 5, 4)
    count = int(np.prod([x.shape[axis] for axis in axes]))
    sums = (x.astype(np.int64) - X_Q.zero_point[0]).sum(axis=axes)
    scale = np.float64(X_Q.scale[0]) / (count if op is ReduceMean else 1)
    found = run_step(op(axes, False), x, X_Q, Y_Q)
    np.testing.assert_array_equal(found, requantized(sums, scale / np.float64(Y_Q.scale[0])))


def test_mean_beyond_float32_stays_exact() -> None:
    """300 * 300 values of -128 sum to 1.15e7 * 1.06 > 2**23 in magnitude, off by an odd number."""
    x = np.full((1, 1, 300, 300), -128, np.int8)
    x[..., ::7] = 127
    x[..., 0, 0] = 3
    sums = (x.astype(np.int64) - X_Q.zero_point[0]).sum(axis=(2, 3), keepdims=True)
    factor = np.float64(X_Q.scale[0]) / 90000 / np.float64(Y_Q.scale[0])
    np.testing.assert_array_equal(run_step(ReduceMean((2, 3)), x, X_Q, Y_Q), requantized(sums, factor))


def test_maximum_and_minimum_move_raw_bytes() -> None:
    x = integers(2, 3, 5, 4)
    np.testing.assert_array_equal(run_step(ReduceMax((2, 3)), x, X_Q, X_Q), x.max(axis=(2, 3), keepdims=True))
    np.testing.assert_array_equal(run_step(ReduceMin((1,), False), x, X_Q, X_Q), x.min(axis=1))


def test_padding_never_wins_a_maximum() -> None:
    x = integers(2, 3, 4, 4, low=-128, high=-100)
    found = run_step(MaxPool((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)), x, X_Q, X_Q)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-128)
    for i in range(4):
        for j in range(4):
            np.testing.assert_array_equal(found[:, :, i, j], padded[:, :, i : i + 3, j : j + 3].max(axis=(2, 3)))


def test_a_window_that_sees_only_padding_gives_the_lowest_value() -> None:
    """Its taps lie 3 apart, around an input of 2 elements."""
    op = MaxPool((2, 2), (1, 1), (1, 1, 1, 1), (3, 3))
    np.testing.assert_array_equal(run_step(op, integers(1, 1, 2, 2), X_Q, X_Q), [[[[-128]]]])
    assert op.run(np.ones((1, 1, 2, 2), np.float32)) == -np.inf


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.01, 0.3])
@pytest.mark.parametrize("y_q", [QParams.per_tensor(1 / 256, -128), QParams.per_tensor(0.013, -20)])
def test_softmax(axis: int, scale: float, y_q: QParams) -> None:
    x, q = integers(3, 5, 7), QParams.per_tensor(scale, 5)
    op = Softmax(axis)
    (table,) = op.tables(Inputs([TensorType("int8", x.shape, q)]), [])
    found = run_step(op, x, q, y_q, [(table, None)])
    distance = x.max(axis=axis, keepdims=True).astype(np.int64) - x
    powers = table[distance].astype(object)
    exact = np.array(powers / powers.sum(axis=axis, keepdims=True), np.float64)
    values = np.rint(exact / np.float64(y_q.scale[0])).astype(np.int64) + y_q.zero_point[0]
    np.testing.assert_array_equal(found, np.clip(values, -128, 127).astype(np.int8))
    exponentials = np.exp(-distance * q.scale[0])
    assert_within_one(found, exponentials / exponentials.sum(axis=axis, keepdims=True), y_q)


def _affine(*shape: int) -> tuple[Array, Array]:
    random = np.random.default_rng(4)
    return random.uniform(-1, 1, shape).astype(np.float32), random.uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("columns", [16, 1500])
def test_layer_norm(columns: int) -> None:
    x, (scale, bias) = integers(3, 2, columns), _affine(columns)
    values = real(x)
    exact = (values - values.mean(axis=2, keepdims=True)) / np.sqrt(values.var(axis=2, keepdims=True) + 1e-5)
    found = run_step(LayerNorm(2), x, X_Q, Y_Q, [(scale, None), (bias, None)])
    assert_within_one(found, exact * scale + bias)
    assert_within_one(run_step(LayerNorm(2), x, X_Q, Y_Q, [(scale, None)]), exact * scale)


def test_layer_norm_of_equal_values_is_the_bias() -> None:
    x, (scale, bias) = np.full((2, 8), 100, np.int8), _affine(8)
    for epsilon in (1e-5, 0.0):
        found = run_step(LayerNorm(1, epsilon), x, X_Q, Y_Q, [(scale, None), (bias, None)])
        assert_within_one(found, np.broadcast_to(bias.astype(np.float64), x.shape))


@pytest.mark.parametrize("columns", [16, 1500])
def test_rms_norm(columns: int) -> None:
    x, (scale, _) = integers(3, columns), _affine(columns)
    values = real(x)
    exact = values / np.sqrt(np.square(values).mean(axis=1, keepdims=True) + 1e-5) * scale
    assert_within_one(run_step(RmsNorm(1), x, X_Q, Y_Q, [(scale, None)]), exact)


def test_group_norm() -> None:
    x, (scale, bias) = integers(2, 6, 5, 4), _affine(6)
    values = real(x).reshape(2, 3, -1)
    exact = (values - values.mean(axis=2, keepdims=True)) / np.sqrt(values.var(axis=2, keepdims=True) + 1e-5)
    exact = exact.reshape(x.shape) * scale.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)
    assert_within_one(run_step(GroupNorm(3), x, X_Q, Y_Q, [(scale, None), (bias, None)]), exact)


def test_batch_norm() -> None:
    x, (scale, bias), (mean, _) = integers(2, 6, 5), _affine(6), _affine(6)
    variance = np.linspace(0.5, 2, 6).astype(np.float32)
    column = (-1, 1)
    exact = (real(x) - mean.reshape(column)) / np.sqrt(variance.reshape(column).astype(np.float64) + 1e-5)
    exact = exact * scale.reshape(column) + bias.reshape(column)
    found = run_step(BatchNorm(), x, X_Q, Y_Q, [(v, None) for v in (scale, bias, mean, variance)])
    assert_within_one(found, exact)


@pytest.mark.parametrize(
    ("op", "constants"),
    [
        (AveragePool((2, 2), (1, 1), (0,) * 4, (1, 1)), ()),
        (ReduceMean((2, 3)), ()),
        (Softmax(3), (np.arange(256, 0, -1, np.int32),)),
        (LayerNorm(3), (np.ones(4, np.float32),)),
        (BatchNorm(), (np.ones(2, np.float32),) * 4),
    ],
)
def test_an_output_without_parameters_is_refused(op: Operator, constants: tuple[Array, ...]) -> None:
    with pytest.raises(EdgeconvError, match="quantization parameters"):
        run_step(op, integers(1, 2, 4, 4), X_Q, None, [(value, None) for value in constants])
