"""Values between the elements of a tensor: interpolation at arbitrary points, for GridSample and DeformConv."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from edgeconv.core import Array

__all__ = ["sample_points"]

_CUBIC = -0.75


def sample_points(
    x: Array, points: Sequence[Array], mode: str, padding: str = "zeros", edges: Sequence[tuple[float, float]] = ()
) -> Array:
    """x (N, C, *S) at `points`, one array (N, P) of float positions for each dimension of S -> (N, C, P).

    mode: nearest, linear or cubic. padding: what is outside S: zeros, border (the nearest element) or reflection at
    `edges`, (low, high) for each dimension.
    """
    sizes = x.shape[2:]
    edges = edges or [(0.0, size - 1.0) for size in sizes]
    taps = [_taps(place, size, mode, padding, edge) for place, size, edge in zip(points, sizes, edges, strict=True)]
    samples = np.arange(x.shape[0])[:, None]
    y = np.zeros((x.shape[0], points[0].shape[1], x.shape[1]), x.dtype)
    for combination in product(*taps):
        weight = np.ones((), x.dtype)
        for _, factor in combination:
            weight = weight * factor
        places: tuple[Any, ...] = (samples, slice(None), *(indices for indices, _ in combination))
        y += x[places] * weight[..., None]
    return np.moveaxis(y, 2, 1)


def _taps(places: Array, size: int, mode: str, padding: str, edge: tuple[float, float]) -> list[tuple[Array, Array]]:
    """(indices, weights) of the elements along one dimension from which a value is made; 0 weighs what is outside."""
    places = np.where(np.isfinite(places), places, -(2.0**20)).astype(places.dtype)
    places = np.clip(_moved(places, size, padding, edge), -(2**30), 2**30)
    if mode == "nearest":
        found = [(np.rint(places), np.ones_like(places))]
    else:
        base = np.floor(places)
        weights = _weights(places - base, mode)
        found = [(base + shift, weight) for shift, weight in weights.items()]
    return [_inside(index, weight, size, padding, edge) for index, weight in found]


def _weights(t: Array, mode: str) -> dict[int, Array]:
    """Shift from the element below -> weight, for a point that is t above it; cubic as R. G. Keys has it."""
    if mode == "linear":
        return {0: 1 - t, 1: t}
    a = _CUBIC

    def near(d: Array) -> Array:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Array) -> Array:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return {-1: far(t + 1), 0: near(t), 1: near(1 - t), 2: far(2 - t)}


def _moved(places: Array, size: int, padding: str, edge: tuple[float, float]) -> Array:
    """Positions outside the edges, brought back inside."""
    low, high = edge
    outside = (places < low) | (places > high)
    if padding == "zeros" or not outside.any():
        return places
    if padding == "border":
        return np.where(outside, np.clip(places, 0, size - 1), places)
    span = max(high - low, 1e-9)
    turned = np.abs(places - low) % (2 * span)
    return np.where(outside, low + np.where(turned > span, 2 * span - turned, turned), places).astype(places.dtype)


def _inside(index: Array, weight: Array, size: int, padding: str, edge: tuple[float, float]) -> tuple[Array, Array]:
    if padding == "reflection":
        index = np.trunc(_moved(index, size, padding, edge))
    if padding == "zeros":
        weight = np.where((index >= 0) & (index < size), weight, 0).astype(weight.dtype)
    return np.clip(index, 0, size - 1).astype(np.int64), weight
