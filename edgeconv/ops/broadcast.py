"""NumPy's broadcasting, for shapes that may be symbolic."""

from __future__ import annotations

from collections.abc import Iterable

from edgeconv.core import Dim, Shape, SymbolicDim
from edgeconv.dims import symbol
from edgeconv.ops.base import ShapeError

__all__ = ["broadcast_shapes", "equal_dim", "fits"]


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape; ShapeError where two dimensions differ and neither is 1.

    Of dimensions that are not known yet, it gives the largest, which it is if they broadcast at all; whether they do is
    seen once they are known.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(_common([shape[axis] for shape in padded], shapes) for axis in range(rank))


def equal_dim(dims: Iterable[Dim]) -> Dim | None:
    """The one dimension that all of `dims` must be: a known one, else the one with the shortest name; None for two."""
    distinct = list(dict.fromkeys(dims))
    known = [dim for dim in distinct if isinstance(dim, int)]
    if len(known) > 1:
        return None
    return known[0] if known else min(distinct, key=lambda dim: (len(str(dim)), str(dim)))


def fits(found: Shape, wanted: Shape) -> bool:
    """Are the shapes equal? A dimension that is symbolic on either side is left to the check at run time."""
    return len(found) == len(wanted) and all(equal_dim(pair) is not None for pair in zip(found, wanted, strict=True))


def _common(dims: list[Dim], shapes: tuple[Shape, ...]) -> Dim:
    distinct = list(dict.fromkeys(dim for dim in dims if dim != 1))
    known = [dim for dim in distinct if isinstance(dim, int)]
    if len(known) > 1:
        raise ShapeError(f"shapes {' and '.join(str(shape) for shape in shapes)} do not broadcast")
    if known:
        return known[0]
    return _largest([dim for dim in distinct if isinstance(dim, SymbolicDim)]) if distinct else 1


_LARGEST = "max"


def _largest(dims: list[SymbolicDim]) -> Dim:
    """One symbol for the largest of several dimensions, whatever their order, and however often each is there."""
    if len(dims) == 1:
        return dims[0]
    names: set[str] = set()
    for dim in dims:
        text = str(dim)
        inner = text.removeprefix(f"{_LARGEST}(").removesuffix(")")
        names.update(inner.split(" | ") if text == f"{_LARGEST}({inner})" else [text])
    return symbol(f"{_LARGEST}({' | '.join(sorted(names))})")
