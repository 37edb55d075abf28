"""Axes as ONNX spells them (negative ones count from the back) -> non-negative, checked; and attribute-like inputs."""

from __future__ import annotations

from collections.abc import Iterable

from edgeconv.core import Array, Dim, SymbolicDim, TensorType
from edgeconv.dims import counted
from edgeconv.ops.base import Ref, ShapeError
from edgeconv.ops.onnx_rules import AtRunTime

__all__ = [
    "check_axis",
    "check_places",
    "constant_ints",
    "constant_value",
    "is_plain",
    "known_value",
    "normal_axes",
    "normal_axis",
    "sizes_of",
]


def normal_axis(axis: int, rank: int) -> int:
    """`axis` as a position from the front; ShapeError when a tensor of `rank` dimensions has no such axis."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is outside a tensor of {rank} dimensions")
    return axis % rank


def normal_axes(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """All of `axes` from the front, sorted, each once."""
    return tuple(sorted({normal_axis(axis, rank) for axis in axes}))


def check_axis(axis: int, rank: int) -> None:
    """Raise ShapeError unless `axis` is a position from the front in a tensor of `rank` dimensions."""
    if not 0 <= axis < rank:
        raise ShapeError(f"axis {axis} is outside a tensor of {rank} dimensions")


def is_plain(ref: Ref) -> bool:
    """Is the value known while converting, without dimensions that are open?"""
    return ref.value is not None and ref.value.dtype != object


_MOST_SIZES = 64
"""Two for each of NumPy's 32 dimensions: what Pad takes."""


def sizes_of(sizes: TensorType, label: str) -> list[Dim]:
    """The integers in a tensor; where they are computed from data, dimensions named after `label`.

    ShapeError where there is no label, or where it is no vector (or scalar) of integers of known length.
    """
    if sizes.dtype not in ("int32", "int64") or sizes.rank > 1 or not sizes.is_static:
        raise ShapeError(f"sizes are a vector of integers, found {sizes}")
    if sizes.value is not None:
        items = sizes.value.reshape(-1).tolist()
        return [item if isinstance(item, SymbolicDim) else int(item) for item in items]
    if not label:
        raise ShapeError(f"{sizes} is computed from data at run time, and the operator has no label for such sizes")
    if sizes.size > _MOST_SIZES:
        raise ShapeError(f"{sizes} has more sizes than a tensor has dimensions")
    return [counted(f"{label}.{place}") for place in range(sizes.size)]


def check_places(sizes: TensorType, count: int) -> None:
    """ShapeError unless there is one of `sizes` for each of `count` places."""
    if sizes.shape != (count,):
        raise ShapeError(f"needs {count} of them, found {sizes}")


def known_value(ref: Ref, name: str) -> Array:
    """The value of an input that must not depend on data; of dtype object where it holds symbolic dimensions."""
    if ref.value is None:
        raise AtRunTime(ref, name)
    return ref.value


def constant_value(ref: Ref, name: str) -> Array:
    """The value of an input that must be constant; AtRunTime (an Unsupported) where it is not."""
    if known_value(ref, name).dtype == object:
        raise AtRunTime(ref, name)
    return known_value(ref, name)


def constant_ints(ref: Ref, name: str) -> tuple[int, ...]:
    """The integers of an input that must be constant, such as axes."""
    return tuple(int(item) for item in constant_value(ref, name).reshape(-1))
