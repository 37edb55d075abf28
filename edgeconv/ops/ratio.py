"""Ratio: what a dimension that is not known yet becomes when a model casts it to float, and computes with it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import floor, gcd
from typing import Any, Union

import numpy as np

from edgeconv.core import Array, Dim, SymbolicDim
from edgeconv.records import dataclass

__all__ = ["Ratio", "cast_dims", "dimension", "product"]

_FINEST = 1 << 12
_Real = Union[float, "Ratio"]


@dataclass(frozen=True)
class Ratio:
    """numerator / denominator, exactly. What it cannot do raises TypeError, and the value is then not known."""

    numerator: Dim
    denominator: Dim = 1

    def __add__(self, other: _Real) -> _Real:
        top, bottom = _parts(other)
        if self.denominator == bottom:
            return _reduced(self.numerator + top, bottom)
        return _reduced(self.numerator * bottom + top * self.denominator, self.denominator * bottom)

    def __mul__(self, other: _Real) -> _Real:
        top, bottom = _parts(other)
        return _reduced(self.numerator * top, self.denominator * bottom)

    def __floordiv__(self, other: _Real) -> _Real:
        """The quotient of two real numbers; Div writes every quotient of dimensions in this way."""
        top, bottom = _parts(other)
        return _reduced(self.numerator * bottom, self.denominator * top)

    def __rfloordiv__(self, other: float) -> _Real:
        top, bottom = _parts(other)
        return _reduced(top * self.denominator, bottom * self.numerator)

    def __neg__(self) -> _Real:
        return self * -1

    def __sub__(self, other: _Real) -> _Real:
        return self + other * -1

    def __rsub__(self, other: float) -> _Real:
        return self * -1 + other

    __radd__, __rmul__ = __add__, __mul__

    def __floor__(self) -> _Real:
        return _reduced(self.numerator // self.denominator, 1)

    def __ceil__(self) -> _Real:
        return _reduced(-(-self.numerator // self.denominator), 1)


def cast_dims(x: Array, dtype: str) -> Array | None:
    """Dimensions as dimensions (a fraction is cut off) or as real numbers; None where `dtype` holds neither."""
    convert: Callable[[Any], object] | None = {"i": _whole, "f": _real}.get(np.dtype(dtype).kind)
    if convert is None:
        return None
    found = np.empty(x.shape, object)
    found.reshape(-1)[:] = [convert(item) for item in x.reshape(-1).tolist()]
    return found


def dimension(item: object) -> object:
    """A number without a fraction as the dimension that it is; anything else as it is."""
    if isinstance(item, float) and item.is_integer():
        return int(item)
    return item.numerator if isinstance(item, Ratio) and item.denominator == 1 else item


def product(dim: Dim, factor: object) -> Dim | None:
    """floor(dim * factor) where that is a dimension, None where it is not known beforehand."""
    if not isinstance(factor, (int, float, Ratio)):
        return None
    try:
        found = dimension(floor(Ratio(dim) * factor))
    except TypeError:
        return None
    return found if isinstance(found, (int, SymbolicDim)) else None


def _whole(item: Dim | _Real) -> Dim:
    if isinstance(item, Ratio):
        return item.numerator // item.denominator
    return item if isinstance(item, SymbolicDim) else int(item)


def _real(item: Dim | _Real) -> _Real:
    return Ratio(item) if isinstance(item, SymbolicDim) else item


def _parts(item: _Real) -> tuple[Dim, Dim]:
    if isinstance(item, Ratio):
        return item.numerator, item.denominator
    exact = Fraction(item)
    if exact.denominator > _FINEST:
        raise TypeError(f"{item} is no simple fraction")
    return exact.numerator, exact.denominator


def _reduced(numerator: Dim, denominator: Dim) -> _Real:
    if isinstance(numerator, int) and isinstance(denominator, int):
        return numerator / denominator
    whole = numerator // denominator
    if whole * denominator == numerator:
        return Ratio(whole) if isinstance(whole, SymbolicDim) else float(whole)
    if isinstance(numerator, SymbolicDim) and isinstance(denominator, int):
        common = gcd(denominator, *(factor for _, factor in numerator.terms))
        return Ratio(numerator // common, denominator // common)
    return Ratio(numerator, denominator)
