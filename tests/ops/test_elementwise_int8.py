"""Add, Sub, Max, Min, Mul, Div, PRelu, MatMul and Concat in int8, against formulas in int64 and float64."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest

from edgeconv.core import Array, QParams, quantize
from edgeconv.errors import EdgeconvError
from edgeconv.ops.add import Add, Max, Min, Sub
from edgeconv.ops.base import Operator
from edgeconv.ops.concat import Concat
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.prelu import PRelu
from tests.ops.by_hand import integers, run_int8

A_Q, B_Q, Y_Q = QParams.per_tensor(0.03, -9), QParams.per_tensor(0.007, 30), QParams.per_tensor(0.05, 5)
SHAPES = [((2, 3, 5), (2, 3, 5)), ((1, 3, 5), (3, 1)), ((4, 1), (1, 6)), ((3,), ())]


def real(x: Array, q: QParams) -> Array:
    return (x.astype(np.float64) - q.zero_point[0]) * q.scale[0]


def nearest(values: Array, q: QParams, low: float = -inf, high: float = inf) -> Array:
    """The ideal int8 values of real ones."""
    scaled = np.rint(np.clip(values, low, high) / q.scale[0]) + q.zero_point[0]
    return np.clip(scaled, -128, 127).astype(np.int64)


def rounded(values: Array, factor: float) -> Array:
    """saturate(rint(float32(values) * float32(factor)) + zero point of y); float64 holds the product exactly."""
    product = np.asarray(values, np.float32).astype(np.float64) * np.float64(np.float32(factor))
    return np.clip(np.rint(product.astype(np.float32)).astype(np.int64) + Y_Q.zero_point[0], -128, 127)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("constants", [(), (0,), (1,)], ids=str)
@pytest.mark.parametrize(("op", "meaning"), [(Add, np.add), (Sub, np.subtract), (Max, np.maximum), (Min, np.minimum)])
def test_scaled_functions_are_within_one_step(
    op: type[Operator], meaning: Callable[..., Array], shapes: tuple[tuple[int, ...], ...], constants: tuple[int, ...]
) -> None:
    a, b = integers(*shapes[0]), integers(*shapes[1], seed=1)
    for bounds in ({}, {"low": 0.0}, {"low": -1.0, "high": 1.5}):
        (found,) = run_int8(op(**bounds), [(a, A_Q), (b, B_Q)], Y_Q, constants)
        ideal = nearest(meaning(real(a, A_Q), real(b, B_Q)), Y_Q, **bounds)
        assert np.abs(found - ideal).max() <= 1
        assert (found == ideal).mean() > 0.95


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_add_takes_one_rounding_step_at_a_time(shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = integers(*shapes[0]), integers(*shapes[1], seed=1)
    left = (a - np.float32(-9)) * np.float32(np.float64(np.float32(0.03)) / np.float64(np.float32(0.05)))
    right = (b - np.float32(30)) * np.float32(np.float64(np.float32(0.007)) / np.float64(np.float32(0.05)))
    (found,) = run_int8(Add(), [(a, A_Q), (b, B_Q)], Y_Q)
    np.testing.assert_array_equal(found, np.clip(np.rint(left + right) + 5, -128, 127))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("constants", [(), (0,), (1,)], ids=str)
def test_mul_is_an_exact_integer_times_one_factor(
    shapes: tuple[tuple[int, ...], ...], constants: tuple[int, ...]
) -> None:
    a, b = integers(*shapes[0]), integers(*shapes[1], seed=1)
    (found,) = run_int8(Mul(), [(a, A_Q), (b, B_Q)], Y_Q, constants)
    product = (a.astype(np.int64) + 9) * (b.astype(np.int64) - 30)
    np.testing.assert_array_equal(found, rounded(product, A_Q.scale[0] * B_Q.scale[0] / Y_Q.scale[0]))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_div_is_one_division_times_one_factor(shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = integers(*shapes[0]), integers(*shapes[1], seed=1)
    b = np.where(b == 30, 31, b).astype(np.int8)
    (found,) = run_int8(Div(), [(a, A_Q), (b, B_Q)], Y_Q)
    quotient = (a.astype(np.float64) + 9) / (b.astype(np.float64) - 30)
    np.testing.assert_array_equal(found, rounded(quotient, A_Q.scale[0] / B_Q.scale[0] / Y_Q.scale[0]))


def test_div_by_zero_saturates_and_nothing_by_nothing_is_zero() -> None:
    a, b = np.int8([-10, -9, -8, 20]), np.int8([30, 30, 30, 31])
    for constants in ((), (1,)):
        (found,) = run_int8(Div(), [(a, A_Q), (b, B_Q)], Y_Q, constants)
        assert found[:3].tolist() == [-128, 5, 127]


@pytest.mark.parametrize("constants", [(), (1,)], ids=str)
def test_prelu_multiplies_what_is_negative(constants: tuple[int, ...]) -> None:
    x, slope = integers(2, 3, 40), np.float32([[0.1], [-0.3], [0.7]])
    (found,) = run_int8(PRelu(), [(x, A_Q), (slope, None)], Y_Q, constants)
    values = x.astype(np.float64) + 9
    ideal = nearest(np.where(values > 0, values, values * slope) * A_Q.scale[0], Y_Q)
    assert np.abs(found - ideal).max() <= 1
    assert (found == ideal).mean() > 0.95


MATRICES = [((2, 3, 4, 8), (2, 3, 8, 5)), ((1, 4, 300), (300, 2)), ((7,), (7,)), ((3, 9), (2, 9, 4)), ((2, 5, 6), (6,))]


@pytest.mark.parametrize("shapes", MATRICES, ids=str)
@pytest.mark.parametrize("constants", [(), (0,), (1,)], ids=str)
def test_matmul_is_an_exact_sum_times_one_factor(
    shapes: tuple[tuple[int, ...], ...], constants: tuple[int, ...]
) -> None:
    a, b = integers(*shapes[0]), integers(*shapes[1], seed=1)
    y_q = QParams.per_tensor(0.4, 5)
    (found,) = run_int8(MatMul(), [(a, A_Q), (b, B_Q)], y_q, constants)
    total = np.matmul(a.astype(np.int64) + 9, b.astype(np.int64) - 30)
    np.testing.assert_array_equal(found, rounded(total, A_Q.scale[0] * B_Q.scale[0] / y_q.scale[0]))


def test_matmul_stays_exact_where_float32_would_not() -> None:
    q = QParams.per_tensor(0.01, -128)
    a, b = np.full((1, 2000), 127, np.int8), np.full((2000, 1), 127, np.int8)
    a[0, 0] = b[0, 0] = -127
    y_q = QParams.per_tensor(0.01 * 0.01 * 2**20, 0)
    (found,) = run_int8(MatMul(), [(a, q), (b, q)], y_q)
    total = 1999 * 255 * 255 + 1
    assert found[0, 0] == np.rint(np.float32(total) * np.float32(q.scale[0] ** 2 / y_q.scale[0]))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("constants", [(), (1,)], ids=str)
def test_concat_moves_bytes_or_rescales_them(batch: int, axis: int, constants: tuple[int, ...]) -> None:
    a, b, c = integers(batch, 3, 4), integers(batch, 3, 4, seed=1), integers(batch, 3, 4, seed=2)
    (found,) = run_int8(Concat(axis), [(a, A_Q), (b, Y_Q), (c, B_Q)], Y_Q, constants)
    parts = [
        rounded(a.astype(np.int64) + 9, A_Q.scale[0] / Y_Q.scale[0]),
        b,
        rounded(c.astype(np.int64) - 30, B_Q.scale[0] / Y_Q.scale[0]),
    ]
    np.testing.assert_array_equal(found, np.concatenate(parts, axis))


def test_concat_rescales_a_constant_once() -> None:
    a, b = integers(2, 3), integers(2, 4, seed=1)
    (found,) = run_int8(Concat(1), [(a, Y_Q), (b, A_Q)], Y_Q, constants=(1,))
    expected = np.concatenate([a, rounded(b.astype(np.int64) + 9, A_Q.scale[0] / Y_Q.scale[0])], 1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("op", [Add(), Mul(), MatMul(), Concat(0)], ids=str)
def test_an_int8_operator_needs_parameters_of_everything(op: Operator) -> None:
    x = integers(3, 3)
    with pytest.raises(EdgeconvError, match="quantization parameters"):
        run_int8(op, [(x, A_Q), (x, None)], Y_Q)


def test_quantize_is_what_the_formulas_above_say() -> None:
    values = np.float32([-9, -0.075, -0.025, 0, 0.025, 0.075, 9])
    np.testing.assert_array_equal(quantize(values, Y_Q), nearest(values, Y_Q))
