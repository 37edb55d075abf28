"""Observers on distributions whose best range is known."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import dequantize, quantize
from edgeconv.quantize.observers import OBSERVERS
from edgeconv.quantize.observers.percentile import percentile_range
from edgeconv.quantize.ranges import activation_qparams
from edgeconv.quantize.statistics import Statistics

UNIFORM = np.random.default_rng(3).uniform(-1, 3, (64, 512)).astype(np.float32)
NORMAL = np.random.default_rng(4).normal(size=(64, 512)).astype(np.float32)
# One value of 300 among n is worth clipping once rounding costs more: n * (304 / 255)**2 / 12 > 300**2, n > 760,000.
OUTLIER = np.tile(NORMAL.reshape(1, -1), (40, 1))
OUTLIER[0, 0] = 300.0


def seen(x: np.ndarray) -> Statistics:
    statistics = Statistics()
    statistics.add(x)
    return statistics


def error(x: np.ndarray, low: float, high: float) -> float:
    q = activation_qparams(low, high)
    return float(np.mean((dequantize(quantize(x, q), q) - x) ** 2))


@pytest.mark.parametrize("method", sorted(OBSERVERS))
def test_every_range_holds_zero(method: str) -> None:
    for x in (UNIFORM, NORMAL, OUTLIER, abs(NORMAL), -abs(NORMAL), np.zeros((1, 4), np.float32)):
        low, high = OBSERVERS[method](seen(x))
        assert min(float(x.min()), 0) <= low <= 0 <= high <= max(float(x.max()), 0)


def test_minmax_is_the_whole_range() -> None:
    assert OBSERVERS["minmax"](seen(OUTLIER)) == (float(OUTLIER.min()), 300.0)


def test_mse_keeps_a_uniform_range_and_cuts_an_outlier() -> None:
    low, high = OBSERVERS["mse"](seen(UNIFORM))
    assert low < -0.98
    assert high > 2.96
    assert OBSERVERS["mse"](seen(OUTLIER))[1] < 150


def test_mse_is_no_worse_than_any_scaled_range() -> None:
    for x in (NORMAL, NORMAL**3, np.maximum(NORMAL, 0) ** 2):
        low, high = OBSERVERS["mse"](seen(x))
        scaled = min(error(x, share * float(x.min()), share * float(x.max())) for share in np.linspace(0.2, 1, 33))
        assert error(x, low, high) <= scaled * 1.03


def test_percentile_leaves_out_what_it_says() -> None:
    low, high = percentile_range(seen(UNIFORM), 90.0)
    np.testing.assert_allclose([low, high], [-0.8, 2.8], atol=0.02)


def test_entropy_cuts_an_outlier() -> None:
    assert OBSERVERS["entropy"](seen(OUTLIER))[1] < 150


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 6.0), (-0.1, 0.0), (2.0, 5.0), (0.0, 0.0), (-1e-40, 0)])
def test_activation_qparams_cover_the_range_with_an_exact_zero(low: float, high: float) -> None:
    q = activation_qparams(low, high)
    ends = np.array([min(low, 0), max(high, 0), 0.0], np.float32)
    np.testing.assert_allclose(dequantize(quantize(ends, q), q), ends, atol=0.51 * q.scale[0] + 1e-30)
    assert dequantize(quantize(np.zeros(1, np.float32), q), q)[0] == 0
