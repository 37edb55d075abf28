"""ConvTranspose and Resize in int8, against formulas written out in integers."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType
from edgeconv.ops.base import Inputs
from edgeconv.ops.block_moves import DepthToSpace, SpaceToDepth
from edgeconv.ops.conv_transpose import ConvTranspose
from edgeconv.ops.interpolate import Interpolate
from edgeconv.ops.resize import ResizeNearest
from edgeconv.ops.rnn import RNN
from tests.ops.one_step import integers, run_step

X_Q, Y_Q = QParams.per_tensor(0.031, -7), QParams.per_tensor(0.47, 11)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 0, 0, 2)])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("channels", [4, 520])
def test_conv_transpose(
    groups: int, strides: tuple[int, int], pads: tuple[int, int, int, int], biased: bool, channels: int
) -> None:
    """With 520 channels the sums may leave float32's exact integers, and float64 takes over."""
    x, w = integers(2, channels, 3, 4), integers(6, channels // groups, 3, 2, low=-127)
    scales = np.linspace(0.002, 0.02, 6).astype(np.float32)
    bias = integers(6).astype(np.int32) * 91 if biased else None
    constants: list[tuple[Array, QParams | None]] = [(w, QParams.per_channel(scales, 0))]
    constants += [(bias, None)] if bias is not None else []
    found = run_step(ConvTranspose(strides, pads, (1, 1), (1, 0), groups), x, X_Q, Y_Q, constants)
    np.testing.assert_array_equal(found, _requantized(_sums(x, w, strides, pads, groups, bias), scales))


def _sums(
    x: Array, w: Array, strides: tuple[int, int], pads: tuple[int, int, int, int], groups: int, bias: Array | None
) -> Array:
    """int64: every input element adds its kernel to the output, which is cropped afterwards; padded by (1, 0)."""
    centred, per_out = x.astype(np.int64) - X_Q.zero_point[0], w.shape[0] // groups
    height, width = (x.shape[2] - 1) * strides[0] + 3, (x.shape[3] - 1) * strides[1] + 2
    full = np.zeros((x.shape[0], w.shape[0], height + 1, width), np.int64)
    inputs = np.split(centred, groups, axis=1)
    for g in range(groups):
        rows = slice(g * per_out, (g + 1) * per_out)
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                stamp = np.einsum("nc,ocij->noij", inputs[g][:, :, i, j], w[rows].astype(np.int64))
                top, left = i * strides[0], j * strides[1]
                full[:, rows, top : top + 3, left : left + 2] += stamp
    cropped = full[:, :, pads[0] : full.shape[2] - pads[2], pads[1] : full.shape[3] - pads[3]]
    return cropped if bias is None else cropped + bias.astype(np.int64).reshape(1, -1, 1, 1)


def _requantized(sums: Array, scales: Array) -> Array:
    factor = (np.float64(X_Q.scale[0]) * scales.astype(np.float64) / np.float64(Y_Q.scale[0])).astype(np.float32)
    values = np.rint(sums.astype(np.float32) * factor.reshape(-1, 1, 1)).astype(np.int64) + Y_Q.zero_point[0]
    return np.clip(values, -128, 127).astype(np.int8)


def test_nearest_moves_raw_bytes() -> None:
    x = integers(2, 3, 4, 5)
    found = run_step(ResizeNearest((2, 3), (2.0, 3.0), (), "asymmetric", nearest="floor"), x, X_Q, X_Q)
    np.testing.assert_array_equal(found, x.repeat(2, axis=2).repeat(3, axis=3))


def test_resizing_to_the_same_size_is_a_copy() -> None:
    x = integers(2, 3, 4, 5)
    np.testing.assert_array_equal(run_step(ResizeNearest((2,), (), (4,)), x, X_Q, X_Q), x)
    np.testing.assert_array_equal(run_step(Interpolate((2,), (), (4,)), x, X_Q, X_Q), x)


@pytest.mark.parametrize("cubic", [False, True])
def test_interpolation_is_within_one_step(cubic: bool) -> None:
    x = integers(2, 3, 6, 5)
    op = Interpolate((2, 3), (), (9, 7), "half_pixel", cubic=cubic)
    values = (x.astype(np.float64) - X_Q.zero_point[0]) * np.float64(X_Q.scale[0])
    exact = np.clip(op.run(values) / Y_Q.scale[0] + Y_Q.zero_point[0], -128, 127)
    found = run_step(op, x, X_Q, Y_Q)
    assert np.abs(found.astype(np.float64) - exact).max() <= 0.501


def test_linear_interpolation_by_two_in_integers() -> None:
    """Half-pixel positions at twice the size lie 1/4 and 3/4 between two elements: weights that float32 has exactly."""
    x = integers(1, 1, 1, 6)
    found = run_step(Interpolate((3,), (2.0,), ()), x, X_Q, X_Q)
    wide = np.pad(x.astype(np.int64) - X_Q.zero_point[0], ((0, 0), (0, 0), (0, 0), (1, 1)), mode="edge")[0, 0, 0]
    quarters = np.stack([wide[:-2] + 3 * wide[1:-1], 3 * wide[1:-1] + wide[2:]], axis=1).reshape(-1)
    np.testing.assert_array_equal(found[0, 0, 0], np.rint(quarters / 4).astype(np.int64) + X_Q.zero_point[0])


def test_blocks_there_and_back_are_the_same_bytes() -> None:
    x = integers(2, 8, 3, 5)
    deep = run_step(DepthToSpace(2), x, X_Q, X_Q)
    np.testing.assert_array_equal(run_step(SpaceToDepth(2), deep, X_Q, X_Q), x)


def test_multiply_accumulates() -> None:
    """Each of 2 * 6 * 3 * 4 input elements meets the 3 * 2 taps of the 4 outputs of its group."""
    types = Inputs([TensorType("float32", (2, 6, 3, 4)), TensorType("float32", (8, 3, 3, 2))])
    op = ConvTranspose((1, 1), (0, 0, 0, 0), (1, 1), (0, 0), 2)
    assert op.macs(types, []) == 2 * 6 * 3 * 4 * 4 * 3 * 2


def test_multiply_accumulates_of_recurrence() -> None:
    types = Inputs([TensorType("float32", s) for s in ((7, 2, 5), (1, 3, 5), (1, 3, 3))])
    op = RNN(3, "forward", ("tanh",), (0.0,), (0.0,), 1.0, False)
    assert op.macs(types, []) == 7 * 2 * (3 * 5 + 3 * 3)
