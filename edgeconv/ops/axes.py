"""Axes as ONNX spells them (negative ones count from the back) -> non-negative, checked; and attribute-like inputs."""

from __future__ import annotations

from collections.abc import Iterable

from edgeconv.core import Array
from edgeconv.ops.base import Ref, ShapeError
from edgeconv.ops.onnx_rules import AtRunTime

__all__ = ["check_axis", "constant_ints", "constant_value", "known_value", "normal_axes", "normal_axis"]


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
