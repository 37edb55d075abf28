"""Which of two dimensions is larger, where that holds whatever the batch size."""

from __future__ import annotations

import pytest

from edgeconv.dims import Dim, SymbolicDim, compare, larger, symbol, unknown

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
        (N // 2, -1, 1),
        (N // 2, 0, None),
        (((N - 1) // 4 + 1) * ((H - 3) // 8 + 1), -1, 1),
        (((N - 1) // 4 + 2) * ((H - 3) // 8 + 3) + 1, 0, 1),
        (-(N // 2) - 1, 0, -1),
        (N // H, -1, None),
        (unknown("n"), 0, None),
        (unknown("n"), -1, 1),
    ],
    ids=str,
)
def test_compare(a: Dim, b: Dim, order: int | None) -> None:
    assert compare(a, b) == order


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient"),
    [
        ((N // 2 + 1) * H * 16, (N // 2 + 1) * H, 16),
        ((N // 2 + 1) * (H + 2) * 6, (H + 2) * 2, (N // 2 + 1) * 3),
        ((N + H) * (N - H), N - H, N + H),
        ((N + 1) * (N + 1), -N - 1, -N - 1),
        (N * H + N, H + 1, N),
        (N - 8, 4, N // 4 - 2),
        (N * 4 + 7, 4, N + 1),
        ((N + 1) // 2 + 1, 2, (N + 3) // 4),
        ((N - 1) // 2 + 1, 2, (N + 1) // 4),
    ],
    ids=str,
)
def test_quotients_without_a_remainder(dividend: SymbolicDim, divisor: Dim, quotient: Dim) -> None:
    assert dividend // divisor == quotient


def test_a_quotient_with_a_remainder_stays_one() -> None:
    assert str((N * H + 1) // (H + 1)) == "((1+H*N)//1+H)"


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [(N, N, N), (N, 1, N), (1, N * H, N * H), (2, 3, 3), (N + 1, N, N + 1), (N * 2, N, N * 2)],
    ids=str,
)
def test_the_larger_of_two(a: Dim, b: Dim, found: Dim) -> None:
    assert larger(a, b) == larger(b, a) == found


@pytest.mark.parametrize(("a", "b"), [(N, 2), (N, H), (unknown("n"), 1)], ids=str)
def test_which_is_larger_may_depend_on_the_symbols(a: Dim, b: Dim) -> None:
    with pytest.raises(ValueError, match="not known yet"):
        larger(a, b)
