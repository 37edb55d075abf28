"""MaxPool with the places of its maxima, and MaxUnpool, which puts values back there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import constant_ints
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.gather import check_indices, check_range
from edgeconv.ops.max_pool import lowest
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.pad import Pad
from edgeconv.ops.pool_taps import Pooling, axis_taps, import_window
from edgeconv.records import dataclass

__all__ = ["MaxPoolIndices", "MaxUnpool"]


@dataclass(frozen=True)
class MaxPoolIndices(Pooling):
    """Two outputs: those of MaxPool, and the int64 place of each in the whole of x (N, C, *S), read as one row.

    column_major: the last spatial dimension counts slowest.
    """

    column_major: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not all(isinstance(dim, int) for dim in x.shape[1:]):
            raise ShapeError(f"places in {x} are not known beforehand; fix it with --input-shape")
        (y,) = super().infer(x)
        return y, TensorType("int64", y.shape)

    def run(self, x: Array) -> tuple[Array, ...]:
        out = self.infer(TensorType(x.dtype.name, x.shape))[0].ints
        best, places = np.full(out, lowest(x.dtype), x.dtype), np.full(out, -1, np.int64)
        order = (*range(x.ndim - 1, 1, -1),) if self.column_major else tuple(range(2, x.ndim))
        spatial = np.arange(prod(x.shape[2:])).reshape([x.shape[axis] for axis in order])
        at = spatial.transpose([order.index(axis) for axis in range(2, x.ndim)])
        axes = [axis_taps(self.window, axis, x.shape[axis + 2], out[axis + 2]).parts for axis in range(at.ndim)]
        for taps in product(*axes):
            _, targets, into = zip(*taps, strict=True)
            y, where, found = best[(..., *targets)], places[(..., *targets)], x[(..., *into)]
            better = (found > y) | (where < 0)
            np.copyto(y, found, where=better)
            np.copyto(where, np.broadcast_to(at[into], found.shape), where=better)
        samples = np.arange(prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * at.ndim)
        return best, places + samples * at.size


@dataclass(frozen=True)
class MaxUnpool(Operator):
    """x at the places that the indices name, in a tensor (N, C, *spatial) that is zero elsewhere."""

    spatial: tuple[int, ...]

    def infer(self, x: TensorType, indices: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 3 or len(self.spatial) != x.rank - 2 or min(self.spatial) < 1 or indices.shape != x.shape:
            raise ShapeError(f"{x} and places {indices} do not fit into a map of {self.spatial}")
        y = x.with_shape((*x.shape[:2], *self.spatial))
        check_indices(indices, y.size if y.is_static else None)
        return (y,)

    def run(self, x: Array, indices: Array) -> Array:
        y = np.zeros((*x.shape[:2], *self.spatial), x.dtype)
        check_range(indices, y.size)
        y.reshape(-1)[indices.reshape(-1)] = x.reshape(-1)
        return y


@onnx_rule("MaxUnpool", since=9)
def import_max_unpool(
    x: Ref,
    indices: Ref,
    output_shape: Ref | None = None,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """The map that MaxPool had; of a larger `output_shape` (constant), the first elements."""
    window, rank = import_window(kernel_shape, strides, (), pads), len(kernel_shape)
    sizes = x.type.shape[2:]
    if not all(isinstance(size, int) for size in sizes) or len(sizes) != rank:
        raise Unsupported(f"it unpools {x.type} with windows {tuple(kernel_shape)}; fix the shape with --input-shape")
    spatial = tuple(
        (int(str(size)) - 1) * window.strides[axis] - window.pads[axis] - window.pads[axis + rank] + extent
        for axis, (size, extent) in enumerate(zip(sizes, window.kernel, strict=True))
    )
    y = MaxUnpool(spatial)(x, indices)
    if output_shape is None:
        return y
    wanted = constant_ints(output_shape, "output_shape")[2:]
    ends = tuple(size - have for size, have in zip(wanted, spatial, strict=True))
    return Pad((*(0,) * (rank + 2), 0, 0, *ends))(y) if any(ends) else y
