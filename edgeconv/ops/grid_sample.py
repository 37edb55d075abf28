"""GridSample: a tensor read at points that another tensor names."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.sample_points import sample_points
from edgeconv.records import dataclass

__all__ = ["GridSample"]

_MODES = {
    "bilinear": "linear",
    "bicubic": "cubic",
    "linear": "linear",
    "cubic": "cubic",
    "nearest": "nearest",
}


@dataclass(frozen=True)
class GridSample(Operator):
    """x (N, C, *S) at the points of grid (N, *P, rank of S), the last dimension first -> (N, C, *P).

    -1 and 1 are the outermost elements where `align_corners`, else their outer edges.
    """

    mode: str = "linear"
    padding: str = "zeros"
    align_corners: bool = False

    def infer(self, x: TensorType, grid: TensorType) -> tuple[TensorType, ...]:
        rank = x.rank - 2
        if self.mode not in _MODES.values() or self.padding not in ("zeros", "border", "reflection"):
            raise ShapeError(f"mode {self.mode!r} with padding {self.padding!r} is not known")
        if not 1 <= rank <= 3 or not x.is_float or grid.dtype != x.dtype or grid.rank != x.rank:
            raise ShapeError(f"needs 1 to 3 spatial dimensions and a grid of real numbers, found {x} and {grid}")
        if not fits((grid.shape[0], grid.shape[-1]), (x.shape[0], rank)) or 0 in x.shape[2:]:
            raise ShapeError(f"a grid {grid} does not address {x}")
        return (x.with_shape((*x.shape[:2], *grid.shape[1:-1])),)

    def run(self, x: Array, grid: Array) -> Array:
        sizes, flat = x.shape[2:], grid.reshape(grid.shape[0], -1, grid.shape[-1])
        points, edges = [], []
        for axis, size in enumerate(sizes):
            place = flat[:, :, len(sizes) - 1 - axis]
            if self.align_corners:
                points.append((place + 1) / 2 * (size - 1))
                edges.append((0.0, size - 1.0))
            else:
                points.append(((place + 1) * size - 1) / 2)
                edges.append((-0.5, size - 0.5))
        if self.mode == "nearest":
            points = [np.rint(place) for place in points]
        y = sample_points(x, points, self.mode, self.padding, edges)
        return np.asarray(y.reshape(*x.shape[:2], *grid.shape[1:-1]), x.dtype)


@onnx_rule("GridSample", since=16)
def import_grid_sample(
    x: Ref, grid: Ref, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Expr:
    """GridSample, whose modes have other names before opset 20."""
    if mode not in _MODES:
        raise Unsupported(f"its mode {mode!r} is none of {', '.join(_MODES)}")
    return GridSample(_MODES[mode], padding_mode, bool(align_corners))(x, grid)
