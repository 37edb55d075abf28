"""Shapes with symbols in them, as one operator that reads the shape of a graph input."""

from __future__ import annotations

from collections.abc import Sequence

from edgeconv.core import Array, SymbolicDim
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.cast import Cast
from edgeconv.ops.shape import Dims

__all__ = ["shape_expression"]


def shape_expression(value: Array, dtype: str, sources: Sequence[Ref]) -> Call | None:
    """`Dims` of the first source that explains every symbolic entry as factor * dimension + offset, or None.

    A Cast follows where `dtype` is not that of dimensions, int64.
    """
    for source in sources:
        terms = [_linear(entry, source) for entry in value.reshape(-1).tolist()]
        if all(term is not None for term in terms):
            factors, axes, offsets = zip(*(term for term in terms if term is not None), strict=True)
            dims = Dims(factors, axes, offsets, tuple(value.shape))(source)
            return dims if dtype == "int64" else Cast(dtype)(dims)
    return None


def _linear(entry: object, source: Ref) -> tuple[int, int, int] | None:
    """(factor, axis, offset) with entry == factor * source.shape[axis] + offset."""
    if not isinstance(entry, SymbolicDim):
        return (0, 0, int(entry)) if isinstance(entry, int) else None
    constant = dict(entry.terms).get((), 0)
    for axis, dim in enumerate(source.type.shape):
        if isinstance(dim, SymbolicDim):
            monomial = dim.terms[0][0]
            factor = dict(entry.terms).get(monomial, 0)
            if entry == dim * factor + constant:
                return factor, axis, constant
    return None
