"""The common part of ResizeNearest and Interpolate: which axes change, and to which size."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Self

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.dims import counted
from edgeconv.ops.axes import check_axis, check_places, sizes_of
from edgeconv.ops.base import Operator, ShapeError
from edgeconv.ops.resize_tables import COORDINATES, Axis
from edgeconv.records import dataclass, replace

__all__ = ["ResizeBase"]


@dataclass(frozen=True)
class ResizeBase(Operator):
    """`axes` (sorted, non-negative) get the `sizes`, or floor(dimension * scale); a second input may hold the sizes, or
    the scales in float32.

    Where scales and sizes are given, the scales only say where elements lie. Data may decide on the second input (with
    a `label`).
    """

    axes: tuple[int, ...]
    scales: tuple[float, ...] = ()
    sizes: tuple[int, ...] = ()
    coordinates: str = "half_pixel"
    label: str = ""

    def infer(self, x: TensorType, sizes: TensorType | None = None) -> tuple[TensorType, ...]:
        self._check(x)
        if sizes is not None and sizes.is_float:
            return self._infer_scaled(x, sizes)
        wanted: Sequence[Dim] = self.sizes
        if sizes is not None:
            wanted = sizes_of(sizes, self.label)
        if not wanted:
            wanted = [_scaled(x.shape[axis], scale) for axis, scale in zip(self.axes, self.scales, strict=True)]
        dims = list(x.shape)
        for axis, size in zip(self.axes, wanted, strict=True):
            if (isinstance(size, int) and size < 1) or dims[axis] == 0:
                raise ShapeError(f"axis {axis} of {x} cannot be resized to {size}")
            dims[axis] = size
        self._check_scales(x, dims)
        return (x.with_shape(tuple(dims)),)

    def _infer_scaled(self, x: TensorType, scales: TensorType) -> tuple[TensorType, ...]:
        if scales.dtype != "float32":
            raise ShapeError(f"its scales are float32, found {scales}")
        check_places(scales, len(self.axes))
        if scales.value is not None and scales.value.dtype != object:
            return self.scaled(scales.value).infer(x)
        known = self.proportional(x, scales)
        dims = list(x.shape)
        for place, axis in enumerate(self.axes):
            dims[axis] = counted(f"{self.label}.{axis}") if known is None else known[place]
        return (x.with_shape(tuple(dims)),)

    def proportional(self, x: TensorType, scales: TensorType) -> list[Dim] | None:
        """The sizes where the scales are ratios of dimensions that are still open: a map grows to another's size."""
        if scales.value is None or scales.value.dtype != object:
            return None
        from edgeconv.ops.ratio import product  # few models scale by dimensions

        sizes = [product(x.shape[axis], scale) for axis, scale in zip(self.axes, scales.value.tolist(), strict=True)]
        known = [size for size in sizes if size is not None]
        return known if len(known) == len(sizes) else None

    def scaled(self, scales: Array) -> Self:
        """The operator with these scales."""
        return replace(self, scales=tuple(scales.tolist()), sizes=())

    def _check(self, x: TensorType) -> None:
        if list(self.axes) != sorted(set(self.axes)) or self.coordinates not in COORDINATES:
            raise ShapeError(
                f"axes {self.axes} must be in order, coordinates {self.coordinates!r} one of {COORDINATES}"
            )
        for axis in self.axes:
            check_axis(axis, x.rank)
        if not all(isfinite(scale) and scale > 0 for scale in self.scales):
            raise ShapeError(f"scales {self.scales} must be positive")

    def _check_scales(self, x: TensorType, dims: Sequence[Dim]) -> None:
        """Scales that are given beside sizes must lead there, within rounding."""
        for axis, scale in zip(self.axes, self.scales, strict=False):
            before, after = x.shape[axis], dims[axis]
            if not (isinstance(before, int) and isinstance(after, int)):
                continue
            if abs(before * scale - after) > 1 or before * scale < after / 2:
                raise ShapeError(f"axis {axis} of {x} has {after} elements after resizing by {scale}")

    def resized(self, before: Sequence[int], after: Sequence[int]) -> dict[int, Axis]:
        """The axes that change, the last one first: the shorter rows are resized before there are more of them."""
        scales = dict(zip(self.axes, self.scales, strict=False))
        found = {a: Axis(before[a], after[a], scales.get(a, after[a] / before[a])) for a in reversed(self.axes)}
        return {a: axis for a, axis in found.items() if axis.before != axis.after or axis.scale != 1}

    def output_shape(self, x: Array, sizes: Array | None) -> tuple[int, ...]:
        """The shape of `run`'s result."""
        known = None if sizes is None else TensorType("int64", sizes.shape, value=sizes)
        return self.infer(TensorType(x.dtype.name, x.shape), known)[0].ints


def _scaled(dim: Dim, scale: float) -> Dim:
    """floor(dim * scale), the product in float32 as in ONNX Runtime; a symbolic dimension needs a whole factor."""
    if isinstance(dim, int):
        return int(np.floor(np.float32(dim) * np.float32(scale)))
    if scale == int(scale):
        return dim * int(scale)
    if 1 / scale == int(1 / scale):
        return dim // int(1 / scale)
    raise ShapeError(f"the dimension {dim} times {scale} is not known beforehand; pass --input-shape")
