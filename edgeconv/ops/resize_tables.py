"""Where each output element of a Resize comes from, along one axis: positions, nearest indices, weighted taps.

The formulas are those of ONNX's Resize (coordinate_transformation_mode, nearest_mode, cubic_coeff_a, antialias).
"""

from __future__ import annotations

from math import ceil

import numpy as np

from edgeconv.core import Array
from edgeconv.records import dataclass

__all__ = ["COORDINATES", "NEAREST", "Axis", "nearest_indices", "weighted_taps"]

COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Axis:
    """One resized axis: elements before and after, and the scale, which need not be their exact quotient."""

    before: int
    after: int
    scale: float

    def positions(self, mode: str) -> Array:
        """Where in the input each output element lies, float64.

        A scale is rounded to float32; it is the quotient where it is that, so that borders between elements are met.
        """
        places, scale = np.arange(self.after, dtype=np.float64), self.after / max(self.before, 1)
        if np.float32(scale) != np.float32(self.scale):
            scale = self.scale
        if mode == "align_corners":
            return places * ((self.before - 1) / (self.after - 1)) if self.after > 1 else places
        if mode == "asymmetric":
            return places / scale
        if mode == "tf_half_pixel_for_nn":
            return (places + 0.5) / scale
        if mode == "pytorch_half_pixel" and self.after == 1:
            return places
        positions = (places + 0.5) / scale - 0.5
        if mode == "half_pixel_symmetric":
            positions += self.before / 2 * (1 - self.after / (scale * self.before))
        return positions


def nearest_indices(axis: Axis, mode: str, nearest: str) -> Array:
    """The input element that each output element copies, intp of shape (after,)."""
    positions = axis.positions(mode)
    rounded = {
        "round_prefer_floor": lambda: np.ceil(positions - 0.5),
        "round_prefer_ceil": lambda: np.floor(positions + 0.5),
        "floor": lambda: np.floor(positions),
        "ceil": lambda: np.ceil(positions),
    }[nearest]()
    return np.clip(rounded, 0, axis.before - 1).astype(np.intp)


def weighted_taps(
    axis: Axis, mode: str, cubic: float | None, exclude_outside: bool, antialias: bool
) -> tuple[Array, Array]:
    """(indices, weights), each (taps, after): an output element is the weighted sum of the elements at its indices.

    `cubic` is the coefficient of the cubic filter, None for the linear one. Taps outside repeat the border, or get no
    weight where `exclude_outside`; `antialias` stretches the filter where the axis shrinks.
    """
    positions = axis.positions(mode)
    stretch = max(1.0, 1 / axis.scale) if antialias else 1.0
    reach = ceil((1 if cubic is None else 2) * stretch)
    places = np.floor(positions) + np.arange(1 - reach, reach + 1)[:, None]
    distances = np.abs(places - positions) / stretch
    weights = np.maximum(1 - distances, 0) if cubic is None else _cubic(distances, cubic)
    if exclude_outside:
        weights = np.where((places >= 0) & (places < axis.before), weights, 0)
    if exclude_outside or antialias:
        total = weights.sum(axis=0)
        weights = weights / np.where(total == 0, 1, total)
    return np.clip(places, 0, axis.before - 1).astype(np.intp), weights


def _cubic(distance: Array, a: float) -> Array:
    """Keys' cubic convolution filter (equation 4 of his 1981 paper)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))
