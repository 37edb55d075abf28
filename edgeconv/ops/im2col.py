"""The im2col buffer of a convolution: (groups, taps [+ a row of ones that carries the bias], columns)."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array
from edgeconv.ops.base import Scratch
from edgeconv.ops.windows import Geometry

__all__ = ["Columns", "Loader"]

Loader: TypeAlias = Callable[[], Array]
"""Brings one sample into the buffer and returns the columns."""


class Columns:
    """Where one sample after another is laid out as the right side of the product.

    Padding carries `fill`, one value or one for each channel. A pointwise window over data that already has the
    product's dtype is used in place, and then there is no row of ones.
    """

    def __init__(
        self,
        geometry: Geometry,
        groups: int,
        fill: float | Array,
        source: str,
        dtype: str,
        ones: bool,
        scratch: Scratch,
    ) -> None:
        self._geometry, self._groups = geometry, groups
        self._fill = np.asarray(fill).reshape(-1, *(1,) * len(geometry.out)).astype(source)
        taps = geometry.shape[0] // groups * prod(geometry.window.kernel)
        self._direct = geometry.is_pointwise and source == dtype
        self.has_ones = ones and not self._direct
        if self._direct:
            return
        self._padded = scratch(geometry.padded, source) if geometry.is_padded else None
        self._buffer = scratch((groups, taps + self.has_ones, geometry.run), dtype)
        self._ones = self._buffer[:, taps:]
        self._body = _as_taps(self._buffer[:, :taps], geometry)

    def loader(self, sample: Array) -> Loader:
        """The loader of `sample` (C, *S), a contiguous array whose contents may change between calls."""
        if self._direct:
            columns = sample.reshape(self._groups, -1, self._geometry.run)
            return lambda: columns
        if self._padded is None:
            return self._copy(self._geometry.taps(sample, self._groups))
        return self._pad_and_copy(sample, self._padded)

    def _copy(self, source: Array) -> Loader:
        body, ones, buffer = self._body, self._ones, self._buffer

        def load() -> Array:
            np.copyto(body, source, casting="unsafe")
            ones.fill(1)
            return buffer

        return load

    def _pad_and_copy(self, sample: Array, padded: Array) -> Loader:
        copy = self._copy(self._geometry.taps(padded, self._groups))
        interior, fill = self._geometry.interior(padded), self._fill

        def load() -> Array:
            np.copyto(padded, fill)
            np.copyto(interior, sample)
            return copy()

        return load


def _as_taps(body: Array, geometry: Geometry) -> Array:
    """The buffer (groups, taps, run) in the shape of `Geometry.taps`."""
    groups, taps, run = body.shape
    kernel = geometry.window.kernel
    inner = (run,) if geometry.is_flat else geometry.out
    steps = [body.strides[1] * prod(kernel[axis:]) for axis in range(len(kernel) + 1)]
    tail = [body.itemsize * prod(inner[axis + 1 :]) for axis in range(len(inner))]
    shape = (groups, taps // prod(kernel), *kernel, *inner)
    return as_strided(body, shape, (body.strides[0], *steps, *tail))
