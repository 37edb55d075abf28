"""Strided convolutions whose taps come by way of phases: the same bytes, and right for every kind of window."""

from __future__ import annotations

import pytest

from edgeconv.ops import im2col
from edgeconv.ops.conv import Conv
from tests.ops.test_products_int8 import check_conv

WINDOWS = [
    # x, weight, strides, pads, groups
    ((2, 6, 9, 11), (6, 1, 3, 3), (2, 2), (1, 1, 1, 1), 6),
    ((1, 6, 8, 8), (12, 1, 3, 3), (2, 2), (0, 0, 1, 1), 6),
    ((1, 4, 13, 9), (8, 2, 5, 4), (3, 2), (2, 0, 1, 3), 2),
    ((1, 3, 17, 16), (5, 3, 7, 7), (2, 2), (3, 3, 3, 3), 1),
    ((1, 3, 9, 20), (4, 3, 1, 5), (2, 2), (0, 2, 0, 2), 1),
    ((1, 4, 12, 7), (4, 1, 3, 3), (2, 1), (1, 1, 1, 1), 4),
    ((2, 5, 31), (5, 1, 5), (3,), (1, 2), 5),
    ((1, 2, 6, 7, 8), (4, 2, 3, 3, 3), (2, 2, 2), (1, 1, 1, 1, 1, 1), 1),
]


@pytest.fixture(params=[True, False], ids=["phases", "elements"])
def phases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(im2col, "WORTH_PHASES", 0 if request.param else 1 << 60)


@pytest.mark.usefixtures("phases")
@pytest.mark.parametrize("small_blocks", [False, True])
@pytest.mark.parametrize(("x_shape", "shape", "strides", "pads", "groups"), WINDOWS)
def test_int8_sums_are_those_of_the_definition(
    x_shape: tuple[int, ...],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    groups: int,
    small_blocks: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if small_blocks:
        monkeypatch.setattr(im2col, "BLOCK_BYTES", 1 << 10)
        monkeypatch.setattr(im2col, "KEPT_CELLS", 0)
    check_conv(Conv(strides, pads, (1,) * len(strides), groups), x_shape, shape)
