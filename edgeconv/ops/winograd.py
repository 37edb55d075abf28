"""Winograd's F(2x2, 3x3): a 3x3 convolution at unit strides as 16 products over tiles of 2x2 outputs.

Each tile of 2x2 outputs is computed from 4x4 inputs with 16 multiplications instead of 36 (Lavin and Gray, 2015, "Fast
Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.1). Float only: the sums round as others do,
within a few units in the last place, but int8 layers need them exact. Rows and columns of inputs are taken apart into
even and odd ones first, so that everything after is arithmetic on contiguous runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isinf

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Scratch
from edgeconv.ops.im2col import BLOCK_BYTES, WORTH_SPLITTING, lane_of, parts_of
from edgeconv.ops.jobs import cast, chain, clip
from edgeconv.ops.planes import strided
from edgeconv.ops.windows import Window

__all__ = ["Winograd", "winograd_pays"]

_FEWEST = 1280
"""Channels times lines from which the saved products outweigh the additions: benchmarks/winograd.py measures it."""
_FEWEST_LINES = 10
"""Height and width of the output below which too few tiles share a matrix."""
_MOST_WEIGHTS = 1 << 16
"""Inputs times outputs up to which 16 matrices instead of 9 still fit the caches of most machines."""


def winograd_pays(window: Window, groups: int, weight: Sequence[int], out: Sequence[int]) -> bool:
    """Is this faster than the taps of the window for weights (O, C, *K) and outputs (*out)?"""
    if groups != 1 or window.kernel != (3, 3) or {*window.strides, *window.dilations} != {1}:
        return False
    enough = min(out) >= _FEWEST_LINES and min(weight[:2]) * min(out) >= _FEWEST
    return enough and weight[0] * weight[1] <= _MOST_WEIGHTS


class Winograd:
    """One layer: weight (O, C, 3, 3) and bias (O,) or None, float32; outputs clamped to `bounds`.

    `first` and `pitch`: where in a row of the source the first output's window begins, and from line to line.
    """

    def __init__(
        self,
        weight: Array,
        bias: Array | None,
        bounds: tuple[float, float],
        out: tuple[int, ...],
        first: int,
        pitch: int,
        scratch: Scratch,
    ) -> None:
        self._matrices = scratch.hold(_transformed(weight))
        self._bias = None if bias is None else bias.reshape(-1, 1)
        self._bounds, self._out, self._first, self._pitch, self._scratch = bounds, out, first, pitch, scratch
        self._outputs, self._channels = weight.shape[:2]
        self._lines, self._width = -(-out[0] // 2), -(-out[1] // 2) + 1  # one more column, so that tiles are runs

    def sample(self, rows: Array, residual: Array | None, target: Array) -> Iterator[Kernel]:
        """From rows (C, length), with padding, to the target (O, *out); the residual is like the target."""
        line = 16 * self._width * max(self._channels, self._outputs)
        work = 16 * self._outputs * self._channels * self._lines * self._width
        blocks = parts_of(self._lines, max(1, BLOCK_BYTES // (4 * line)), 2 if work > WORTH_SPLITTING else 1)
        threads = self._scratch.threads_for(work)
        lanes: dict[int, list[Kernel]] = {}
        for index, block in enumerate(blocks):
            lane = lane_of(index, len(blocks), threads)
            phases = self._phases(blocks[0], lane)
            jobs = lanes.setdefault(lane, [])
            jobs += self._split(rows, block, phases)
            jobs += self._block(block, lane, phases)
            jobs += self._write(block, lane, residual, target)
        yield self._scratch.parallel([chain(jobs) for jobs in lanes.values()])

    def _phases(self, block: slice, lane: int) -> Array:
        """(even or odd line, even or odd column, C, cells): inputs of a block; some cells at the edges stay zero."""
        cells = (block.stop - block.start + 1) * self._width
        return self._scratch.kept(f"winograd phases {lane}", (2, 2, self._channels, cells), "float32")

    def _split(self, rows: Array, lines: slice, phases: Array) -> Iterator[Kernel]:
        """What some lines of tiles see, even and odd lines and columns apart."""
        item, first = rows.itemsize, self._first + 2 * lines.start * self._pitch
        for line in range(2):
            for column in range(2):
                height = min(lines.stop - lines.start + 1, (self._out[0] + 3 - line) // 2 - lines.start)
                shape = self._channels, height, (self._out[1] + 3 - column) // 2
                steps = rows.strides[0], 2 * self._pitch * item, 2 * item
                source = strided(rows, first + line * self._pitch + column, shape, steps)
                phase = phases[line, column]
                yield cast(strided(phase, 0, shape, (phase.strides[0], self._width * item, item)), source)

    def _block(self, lines: slice, lane: int, phases: Array) -> Iterator[Kernel]:
        """Some lines of tiles: inputs transformed, 16 products, and the way back."""
        run = (lines.stop - lines.start) * self._width
        size = self._channels * run
        seen = self._array(f"lines {lane}", (8 * size + 1,))
        inputs = self._array(f"inputs {lane}", (4, 4, self._channels, run))
        sums = self._array(f"sums {lane}", (4, 4, self._outputs, run))
        halves = self._array(f"lines {lane}", (2, 4, self._outputs, run))
        outputs = self._array(f"inputs {lane}", (2, 2, self._outputs, run))
        here, below = phases[..., :run], phases[..., self._width : self._width + run]
        left, right = seen[:-1].reshape(4, 2, size), seen[1:].reshape(4, 2, size)
        yield from _into_tiles((here[0], here[1], below[0], below[1]), left.reshape(4, *here.shape[1:]))
        corners = left[:, 0], left[:, 1], right[:, 0], right[:, 1]
        yield from _into_tiles(corners, inputs.reshape(4, 4, size).swapaxes(0, 1))
        flat = [array.reshape(16, *array.shape[2:]) for array in (self._matrices, inputs, sums)]
        yield partial(np.matmul, *flat)
        if self._bias is not None:  # each of the four outputs has this sum once
            yield partial(np.add, sums[1, 1], self._bias, sums[1, 1])
        yield from _out_of_tiles(sums, halves)
        yield from _out_of_tiles(halves.swapaxes(0, 1), outputs.swapaxes(0, 1))

    def _write(self, lines: slice, lane: int, residual: Array | None, target: Array) -> Iterator[Kernel]:
        """What `_block` found, into every second line and column of the target."""
        low, high = np.float32(self._bounds[0]), np.float32(self._bounds[1])
        count = lines.stop - lines.start
        tiles = self._array(f"inputs {lane}", (2, 2, self._outputs, count, self._width))
        for line in range(2):
            for column in range(2):
                part = (slice(None), slice(2 * lines.start + line, 2 * lines.stop, 2), slice(column, None, 2))
                cells = target[part]
                source = tiles[line, column, :, : cells.shape[1], : cells.shape[2]]
                if residual is not None:
                    yield partial(np.add, source, residual[part], source)
                yield cast(cells, source) if isinf(low) and isinf(high) else partial(clip, source, low, high, cells)

    def _array(self, key: str, shape: tuple[int, ...]) -> Array:
        return self._scratch.shared(f"winograd {key}", shape, "float32")


def _transformed(weight: Array) -> Array:
    """(4, 4, O, C): G w G^T of every kernel."""
    taps = np.ascontiguousarray(weight.reshape(-1, 9).T).reshape(3, 3, *weight.shape[:2])
    lines = np.empty((4, *taps.shape[1:]), np.float32)
    matrices = np.empty((4, *lines.shape[:1], *weight.shape[:2]), np.float32)
    for taps_of, found in ((taps, lines), (lines.swapaxes(0, 1), matrices.swapaxes(0, 1))):
        found[0], found[3] = taps_of[0], taps_of[2]
        outer = (taps_of[0] + taps_of[2]) * np.float32(0.5)
        middle = taps_of[1] * np.float32(0.5)
        np.add(outer, middle, found[1])
        np.subtract(outer, middle, found[2])
    return matrices


def _into_tiles(inputs: Sequence[Array], found: Array) -> Iterator[Kernel]:
    """B^T d along one axis: four neighbours d0 ... d3 become d0 - d2, d1 + d2, d2 - d1, d1 - d3."""
    d0, d1, d2, d3 = inputs
    yield partial(np.subtract, d0, d2, found[0])
    yield partial(np.add, d1, d2, found[1])
    yield partial(np.subtract, d2, d1, found[2])
    yield partial(np.subtract, d1, d3, found[3])


def _out_of_tiles(m: Array, found: Array) -> Iterator[Kernel]:
    """A^T m along one axis: m0 ... m3 become m0 + m1 + m2 and m1 - m2 - m3."""
    yield partial(np.add, m[0], m[1], found[0])
    yield partial(np.add, found[0], m[2], found[0])
    yield partial(np.subtract, m[1], m[2], found[1])
    yield partial(np.subtract, found[1], m[3], found[1])
