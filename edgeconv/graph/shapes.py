"""Shapes with symbols in them, as one operator that reads the shape of a graph input."""

from __future__ import annotations

from collections.abc import Sequence

from edgeconv.core import Array, SymbolicDim
from edgeconv.dims import quotient
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.cast import Cast
from edgeconv.ops.shape import Dims

__all__ = ["shape_expression"]


def shape_expression(value: Array, dtype: str, sources: Sequence[Ref]) -> Call | None:
    """`Dims` of the first source that explains every symbolic entry, or None.

    A Cast follows where `dtype` is not that of dimensions, int64.
    """
    for source in sources:
        terms = [_term(entry, source) for entry in value.reshape(-1).tolist()]
        known = [term for term in terms if term is not None]
        if len(known) == len(terms):
            factors, axes, offsets, shifts, divisors = zip(*known, strict=True)
            is_plain = set(divisors) == {1} and not any(shifts)
            rest = ((), ()) if is_plain else (shifts, divisors)
            dims = Dims(factors, axes, offsets, tuple(value.shape), *rest)(source)
            return dims if dtype == "int64" else Cast(dtype)(dims)
    return None


_Term = tuple[int, int, int, int, int]
"""factor, axis, offset, shift, divisor: factor * ((dimension + shift) // divisor) + offset."""


def _term(entry: object, source: Ref) -> _Term | None:
    if not isinstance(entry, SymbolicDim):
        return (0, 0, int(entry), 0, 1) if isinstance(entry, int) else None
    shape = source.type.shape
    found = next((axis for axis, dim in enumerate(shape) if entry == dim), None)
    if found is not None:
        return 1, found, 0, 0, 1
    for axis, dim in enumerate(shape):
        line = _line(entry, dim) if isinstance(dim, SymbolicDim) else None
        if line is not None:
            return line[0], axis, *line[1:]
    return None


def _line(entry: SymbolicDim, dim: SymbolicDim) -> tuple[int, int, int, int] | None:
    """(factor, offset, shift, divisor) with entry == factor * ((dim + shift) // divisor) + offset."""
    constant = dict(entry.terms).get((), 0)
    monomial = dim.terms[0][0]
    factor = dict(entry.terms).get(monomial, 0)
    if entry == dim * factor + constant:
        return factor, constant, 0, 1
    found = quotient(entry)
    if found is None:
        return None
    factor, numerator, divisor, offset = found
    inner = _line(numerator, dim)
    if inner is None or inner[0] != 1:
        return None
    _, inner_offset, shift, inner_divisor = inner
    return factor, offset, shift + inner_offset * inner_divisor, divisor * inner_divisor
