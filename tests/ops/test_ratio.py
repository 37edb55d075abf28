"""Real numbers made of dimensions that are not known yet: what they stand for, once the dimension is known."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pytest

from edgeconv.core import SymbolicDim
from edgeconv.dims import evaluate, symbol
from edgeconv.ops.ratio import Ratio, cast_dims, dimension, product

N, M = symbol("N"), symbol("M")
SIZES = {"N": 35, "M": 8}


def _known(value: Any) -> Fraction:
    """The number that `value` is where N and M are as in SIZES."""
    if not isinstance(value, Ratio):
        return Fraction(evaluate(value, SIZES) if isinstance(value, SymbolicDim) else value)  # type: ignore[arg-type]
    return Fraction(_known(value.numerator), _known(value.denominator))


FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda n, m: n + m,
    "sum of fractions": lambda n, m: n * 0.5 + m * 0.25,
    "sum of one denominator": lambda n, m: n * 0.25 + m * 0.25,
    "number and ratio": lambda n, m: 1.5 + 2 * n,
    "difference": lambda n, m: n * 0.5 - m,
    "from a number": lambda n, m: 3 - n * 0.5,
    "negative": lambda n, m: -(n * 0.75),
    "product": lambda n, m: n * m,
    "rounded down": lambda n, m: floor(n * 0.5),
    "rounded up": lambda n, m: ceil(n * 0.25),
    "back to where it was": lambda n, m: n * 0.5 * 2,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_arithmetic(name: str) -> None:
    formula = FORMULAS[name]
    assert _known(formula(Ratio(N), Ratio(M))) == Fraction(formula(Fraction(35), Fraction(8)))


def test_a_quotient_is_exact() -> None:
    """`//` stands for the division of real numbers here."""
    assert _known(Ratio(N) // Ratio(M)) == Fraction(35, 8)
    assert _known(Ratio(N) // 4) == Fraction(35, 4)
    assert _known(70 // Ratio(N)) == 2
    assert (Ratio(N) * 0.5) // (Ratio(N) * 0.25) == 2.0


def test_casts() -> None:
    items = np.empty(4, object)
    items[:] = [Ratio(N, 4), Ratio(N), 2.75, N]
    whole, real = cast_dims(items, "int64"), cast_dims(items, "float32")
    assert whole is not None and real is not None
    assert [_known(item) for item in whole] == [35 // 4, 35, 2, 35]
    assert [_known(item) for item in real] == [Fraction(35, 4), 35, Fraction(11, 4), 35]
    assert cast_dims(items, "bool") is None


def test_dimensions() -> None:
    assert dimension(4.0) == 4 and isinstance(dimension(4.0), int)
    assert dimension(Ratio(N)) == N
    assert dimension(2.5) == 2.5 and dimension("x") == "x"
    found = product(N, 0.5)
    assert found is not None and _known(found) == 17
    assert product(N, 2.0) == N * 2
    assert product(N, "twice") is None
    assert product(N, 0.1) is None  # no fraction with a small denominator, so that nothing exact can be said
    assert product(6, 0.5) == 3
