"""Conv that pads with other values than zero, as a folded BatchNorm leaves it."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from edgeconv.core import Array, QParams, TensorType
from edgeconv.ops.base import ShapeError
from edgeconv.ops.conv import Conv
from tests.ops.test_products_int8 import X_Q, integers, requantize, run_one

INSIDE = (1.0, -2.0, 0.1, 3.0)
BEYOND = (1.0, -9.0, 25.0, 3.0)
"""The int8 values of X_Q reach from -3.8 to 4.2."""


def accumulator(x: Array, weight: Array, groups: int, values: tuple[float, ...]) -> Array:
    """int64 sums over explicit windows of x, the padding in steps of x."""
    steps = np.rint(np.float32(values) / np.float32(X_Q.scale[0])).astype(np.int64)
    padded = np.broadcast_to(steps[:, None, None], (*x.shape[:2], x.shape[2] + 3, x.shape[3] + 1)).copy()
    padded[:, :, 1:-2, :-1] = x.astype(np.int64) - X_Q.zero_point[0]
    windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    per_in, per_out = weight.shape[1], weight.shape[0] // groups
    parts = [
        np.einsum(
            "nchwij,ocij->nohw",
            windows[:, g * per_in : (g + 1) * per_in],
            weight[g * per_out : (g + 1) * per_out].astype(np.int64),
        )
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("values", [INSIDE, BEYOND])
def test_int8_is_exact(groups: int, values: tuple[float, ...]) -> None:
    conv = Conv((1, 1), (1, 0, 2, 1), (1, 1), groups, pad_values=values)
    x, weight = integers(3, 4, 6, 5), integers(8, 4 // groups, 3, 3, low=-127)
    scales = np.linspace(0.002, 0.02, 8).astype(np.float32)
    found = run_one(conv, x, weight, QParams.per_channel(scales, 0), None)
    np.testing.assert_array_equal(found, requantize(accumulator(x, weight, groups, values), scales, 1))


def test_int8_padding_far_beyond_what_is_quantized_saturates() -> None:
    conv = Conv((1, 1), (1, 0, 2, 1), (1, 1), 4, pad_values=(1e30, -1e30, 0.0, 1.0))
    x, weight = integers(1, 4, 6, 5), integers(4, 1, 3, 3, low=-127)
    found = run_one(conv, x, weight, QParams.per_channel(np.full(4, 0.01, np.float32), 0), None)
    limit = X_Q.scale[0] * (2.0**15 - 1 + 7), X_Q.scale[0] * (-(2.0**15) + 7)
    wanted = accumulator(x, weight, 4, (limit[0], limit[1], 0.0, 1.0))
    np.testing.assert_array_equal(found, requantize(wanted, np.full(4, 0.01, np.float32), 1))


def test_columns_see_the_padding() -> None:
    conv = Conv((1, 1), (1, 1, 1, 1), (1, 1), pad_values=(2.0, -3.0))
    x = np.zeros((1, 2, 1, 1), np.float32)
    weight = np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)
    columns = conv.columns(x, weight, 100)
    y = conv.run(x, weight)
    np.testing.assert_allclose((conv.matrix(weight) @ columns).reshape(y.shape), y)


@pytest.mark.parametrize("values", [(1.0,), (1.0,) * 5, (1.0, 2.0, 3.0, nan), (inf, 0.0, 0.0, 0.0)])
def test_other_padding_is_refused(values: tuple[float, ...]) -> None:
    conv = Conv((1, 1), (1, 1, 1, 1), (1, 1), pad_values=values)
    with pytest.raises(ShapeError, match="pad_values"):
        conv.infer(TensorType("float32", (1, 4, 6, 6)), TensorType("float32", (2, 4, 3, 3)))
