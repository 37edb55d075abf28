"""Which of two dimensions is larger, where that holds whatever the batch size."""

from __future__ import annotations

import pytest

from edgeconv.dims import Dim, compare, symbol

N, H = symbol("N"), symbol("H")


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        (2, 3, -1),
        (3, 3, 0),
        (4, 3, 1),
        (N, N, 0),
        (N, 0, 1),
        (N, -1, 1),
        (0, N, -1),
        (-1, N * H, -1),
        (N + 2, N, 1),
        (N * 2 + H, 2, 1),
        (N, 1, None),
        (N, 5, None),
        (N, H, None),
        (N * 2, N, 1),
        (-N, 0, -1),
        (N // 2, -1, None),
    ],
    ids=str,
)
def test_compare(a: Dim, b: Dim, order: int | None) -> None:
    assert compare(a, b) == order
