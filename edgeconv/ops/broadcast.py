"""NumPy's broadcasting, for shapes that may be symbolic."""

from __future__ import annotations

from edgeconv.core import Dim, Shape
from edgeconv.ops.base import ShapeError

__all__ = ["broadcast_shapes"]


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape; ShapeError where two dimensions differ and neither is 1."""
    rank = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(_common([shape[axis] for shape in padded], shapes) for axis in range(rank))


def _common(dims: list[Dim], shapes: tuple[Shape, ...]) -> Dim:
    distinct = list(dict.fromkeys(dim for dim in dims if dim != 1))
    if len(distinct) > 1:
        raise ShapeError(f"shapes {' and '.join(str(shape) for shape in shapes)} do not broadcast")
    return distinct[0] if distinct else 1
