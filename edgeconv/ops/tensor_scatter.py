"""TensorScatter: new rows written into a cache, for each sample at a place of its own."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.gather import check_indices, check_range
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["TensorScatter"]


@dataclass(frozen=True)
class TensorScatter(Operator):
    """y[n, ..., places[n] + i, ...] = update[n, ..., i, ...] along `axis`; y is the cache elsewhere.

    circular: what goes beyond the end goes on at the beginning.
    """

    axis: int
    circular: bool = False

    def infer(self, cache: TensorType, update: TensorType, places: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, cache.rank)
        same = [a == b for axis, (a, b) in enumerate(zip(cache.shape, update.shape, strict=False)) if axis != self.axis]
        room, rows = cache.shape[self.axis], update.shape[self.axis] if update.rank == cache.rank else 0
        if not self.axis or not all(same) or update.dtype != cache.dtype or update.rank != cache.rank:
            raise ShapeError(f"{update} does not fit into {cache} along axis {self.axis}")
        if places.shape != cache.shape[:1] or (isinstance(room, int) and isinstance(rows, int) and rows > room):
            raise ShapeError(f"{rows} rows at {places} do not fit into {cache}")
        check_indices(places, None)
        return (cache.with_shape(cache.shape),)

    def run(self, cache: Array, update: Array, places: Array) -> Array:
        y, size = cache.copy(), cache.shape[self.axis]
        rows = np.asarray(places)[:, None] + np.arange(update.shape[self.axis])
        if self.circular:
            rows %= size
        check_range(rows, size)
        target, source = np.moveaxis(y, self.axis, 1), np.moveaxis(update, self.axis, 1)
        target[np.arange(len(y))[:, None], rows] = source
        return y


@onnx_rule("TensorScatter", since=24)
def import_tensor_scatter(
    cache: Ref, update: Ref, places: Ref | None = None, *, axis: int = -2, mode: str = "linear"
) -> Expr:
    """Rows from a place on, by default the first."""
    if mode not in ("linear", "circular"):
        raise Unsupported(f"its mode {mode!r} is neither linear nor circular")
    scatter, samples = TensorScatter(normal_axis(axis, cache.type.rank), mode == "circular"), cache.type.shape[0]
    if places is not None:
        return scatter(cache, update, places)
    if not isinstance(samples, int):
        raise Unsupported(f"it needs write_indices for {cache.type}, or a fixed batch; pass --input-shape")
    return scatter(cache, update, np.zeros(samples, np.int64))
