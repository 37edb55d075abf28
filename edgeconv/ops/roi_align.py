"""RoiAlign: boxes of a feature map, each resampled to one size."""

from __future__ import annotations

from math import ceil

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.gather import check_indices, check_range
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["RoiAlign"]

_MOST_SAMPLES = 1 << 16
"""Samples along one side of a box."""


@dataclass(frozen=True)
class RoiAlign(Operator):
    """x (N, C, H, W), boxes (R, 4) as x1, y1, x2, y2, and for each its sample (R,) -> (R, C, height, width).

    Each element is the mean (or, with `maximum`, the largest of the weighted neighbours) of `ratio` x `ratio` points,
    0: as many as the box has elements. half_pixel: element i lies at i + 0.5.
    """

    height: int
    width: int
    ratio: int = 0
    scale: float = 1.0
    half_pixel: bool = True
    maximum: bool = False

    def infer(self, x: TensorType, boxes: TensorType, samples: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 4 or not x.is_float or boxes.dtype != x.dtype or 0 in x.shape[2:]:
            raise ShapeError(f"needs a feature map and boxes of real numbers, found {x} and {boxes}")
        if boxes.rank != 2 or boxes.shape[1] != 4 or not fits(samples.shape, boxes.shape[:1]):
            raise ShapeError(f"needs boxes of 4 numbers and a sample for each, found {boxes} and {samples}")
        if not (min(self.height, self.width) > 0 <= self.ratio) or max(self.height, self.width) > _MOST_SAMPLES // (
            self.ratio or 1
        ):
            raise ShapeError(f"cannot resample to {self.height} x {self.width} by {self.ratio} points")
        check_indices(samples, x.shape[0])
        return (x.with_shape((boxes.shape[0], x.shape[1], self.height, self.width)),)

    def run(self, x: Array, boxes: Array, samples: Array) -> Array:
        check_range(samples, x.shape[0])
        y = np.zeros((len(boxes), x.shape[1], self.height, self.width), x.dtype)
        for target, box, sample in zip(y, boxes.astype(np.float64) * self.scale, samples, strict=True):
            x1, y1, x2, y2 = box - (0.5 if self.half_pixel else 0.0)
            rows = self._points(y1, y2, self.height, x.shape[2])
            columns = self._points(x1, x2, self.width, x.shape[3])
            if self.maximum:
                _maxima(x[sample], rows, columns, target)
            else:
                target[:] = _means(*rows, x.shape[2]) @ x[sample] @ _means(*columns, x.shape[3]).T
        return y

    def _points(self, start: float, end: float, cells: int, size: int) -> tuple[Array, Array]:
        """Elements beside the points of each cell along one side, and their weights: (cells, 2 * points) each."""
        extent = end - start if self.half_pixel else max(end - start, 1.0)
        if not abs(extent) <= _MOST_SAMPLES:
            raise DataError(f"a box of {extent} elements is too large to be resampled")
        points = self.ratio or max(ceil(extent / cells), 0)
        at = start + (np.arange(cells)[:, None] + (np.arange(points) + 0.5) / max(points, 1)) * (extent / cells)
        inside = (at >= -1) & (at <= size)
        at = np.clip(at, 0, size - 1)
        low = np.minimum(np.floor(at), max(size - 2, 0)).astype(np.int64)
        above = np.where(inside, at - low, 0)
        below = np.where(inside, 1 - (at - low), 0)
        return np.concatenate([low, np.minimum(low + 1, size - 1)], 1), np.concatenate([below, above], 1)


def _means(places: Array, weights: Array, size: int) -> Array:
    """The matrix (cells, size) that takes the mean of each cell's points; its sums are float64."""
    matrix = np.zeros((len(places), size))
    np.add.at(matrix, (np.arange(len(places))[:, None], places), weights)
    return np.asarray(matrix / max(places.shape[1] / 2, 1))


def _maxima(x: Array, rows: tuple[Array, Array], columns: tuple[Array, Array], y: Array) -> None:
    """The largest of the neighbours of each cell's points, each times its weight; neighbour by neighbour."""
    y.fill(-np.inf)
    for cell, (places, weights) in enumerate(zip(*rows, strict=True)):
        for place, weight in zip(places, weights, strict=True):
            near = x[:, place, columns[0]] * columns[1] * weight
            np.maximum(y[:, cell], near.max(2, initial=-np.inf), out=y[:, cell], casting="unsafe")


@onnx_rule("RoiAlign", since=10)
def import_roi_align_old(x: Ref, boxes: Ref, samples: Ref, **attributes: int | float | str) -> Expr:
    """RoiAlign before opset 16: element i lies at i."""
    return import_roi_align(x, boxes, samples, coordinate_transformation_mode="output_half_pixel", **attributes)  # type: ignore[arg-type]


@onnx_rule("RoiAlign", since=16)
def import_roi_align(
    x: Ref,
    boxes: Ref,
    samples: Ref,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Expr:
    """Boxes resampled by means or maxima."""
    if mode not in ("avg", "max"):
        raise Unsupported(f"its mode {mode!r} is neither avg nor max")
    is_half = coordinate_transformation_mode == "half_pixel"
    op = RoiAlign(output_height, output_width, sampling_ratio, spatial_scale, is_half, mode == "max")
    return op(x, boxes, samples)
