"""Axes as ONNX spells them (negative ones count from the back) -> non-negative, checked; and attribute-like inputs."""

from __future__ import annotations

from collections.abc import Iterable

from edgeconv.ops.base import Ref, ShapeError
from edgeconv.ops.onnx_rules import Unsupported

__all__ = ["check_axis", "constant_ints", "normal_axes", "normal_axis"]


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


def constant_ints(ref: Ref, name: str) -> tuple[int, ...]:
    """The integers of an input that must be constant, such as axes; Unsupported when it is computed at run time."""
    if ref.value is None or ref.value.dtype == object:
        raise Unsupported(f"its input {name!r} is computed at run time; make it a constant")
    return tuple(int(item) for item in ref.value.reshape(-1))
