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
from edgeconv.ops.im2col import BLOCK_BYTES, lane_of, parts_of
from edgeconv.ops.jobs import cast, chain, clip, matmul
from edgeconv.ops.planes import strided
from edgeconv.ops.windows import Window

__all__ = ["Winograd", "winograd_pays"]

_FEWEST = 1280
"""Channels times lines from which the saved products outweigh the additions: benchmarks/winograd.py measures it."""
_FEWEST_CHANNELS = 32
"""Channels below which the additions take longer, however many lines there are."""
_FEWEST_LINES = 10
"""Height and width of the output below which too few tiles share a matrix."""
_MOST_WEIGHTS = 1 << 16
"""Inputs times outputs up to which 16 matrices instead of 9 still fit the caches of most machines."""


def winograd_pays(window: Window, groups: int, weight: Sequence[int], out: Sequence[int]) -> bool:
    """Is this faster than the taps of the window for weights (O, C, *K) and outputs (*out)?"""
    if groups != 1 or window.kernel != (3, 3) or {*window.strides, *window.dilations} != {1}:
        return False
    channels, lines = min(weight[:2]), min(out)
    enough = lines >= _FEWEST_LINES and channels >= _FEWEST_CHANNELS and channels * lines >= _FEWEST
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
        """From rows (C, length), with padding, to the target (O, *out); the residual is like the target.

        Threads share the blocks of lines; a single block stage by stage, so that no weight is laid out twice.
        """
        line = 16 * self._width * max(self._channels, self._outputs)
        work = 16 * self._outputs * self._channels * self._lines * self._width
        most, threads = max(1, BLOCK_BYTES // (4 * line)), self._scratch.threads_for(work)
        if self._lines <= most:
            stages = self._stages(rows, slice(0, self._lines), slice(0, self._lines), 0, threads, residual, target)
            yield from map(self._scratch.parallel, stages)
            return
        blocks = parts_of(self._lines, most, 2)
        lanes: dict[int, list[Kernel]] = {}
        for index, lines in enumerate(blocks):
            lane = lane_of(index, len(blocks), threads)
            for stage in self._stages(rows, lines, blocks[0], lane, 1, residual, target):
                lanes.setdefault(lane, []).extend(stage)
        yield self._scratch.parallel([chain(jobs) for jobs in lanes.values()])

    def _stages(
        self,
        rows: Array,
        lines: slice,
        largest: slice,
        lane: int,
        parts: int,
        residual: Array | None,
        target: Array,
    ) -> tuple[list[Kernel], ...]:
        """Some lines of tiles: inputs transformed, 16 products, and the way back, each in so many parts.

        `largest`: the most lines that there are at a time.
        """
        run = (lines.stop - lines.start) * self._width
        inputs = self._array(f"inputs {lane}", (4, 4, self._channels, run))
        sums = self._array(f"sums {lane}", (4, 4, self._outputs, run))
        tiles = self._array(f"inputs {lane}", (2, 2, self._outputs, run))
        cells = (largest.stop - largest.start + 1) * self._width  # some at the edges stay zero
        phases = self._scratch.kept(f"winograd phases {lane}", (2, 2, self._channels, cells), "float32")
        m, x, y = (array.reshape(16, *array.shape[2:]) for array in (self._matrices, inputs, sums))
        before, after = (enumerate(parts_of(n, n, parts)) for n in (self._channels, self._outputs))
        return (
            [chain(self._there(rows, lines, phases, inputs, part, lane + n)) for n, part in before],
            [chain(matmul(m[part], x[part], y[part])) for part in parts_of(16, 16, parts)],
            [chain(self._back(sums, tiles, lines, part, lane + n, residual, target)) for n, part in after],
        )

    def _there(
        self, rows: Array, lines: slice, phases: Array, inputs: Array, part: slice, lane: int
    ) -> Iterator[Kernel]:
        """Some channels of the rows, even and odd lines and columns apart, into `inputs` (4, 4, C, run)."""
        item, first = rows.itemsize, self._first + 2 * lines.start * self._pitch
        count, run = part.stop - part.start, inputs.shape[-1]
        for line in range(2):
            for column in range(2):
                height = min(lines.stop - lines.start + 1, (self._out[0] + 3 - line) // 2 - lines.start)
                shape = count, height, (self._out[1] + 3 - column) // 2
                steps = rows.strides[0], 2 * self._pitch * item, 2 * item
                source = strided(rows[part], first + line * self._pitch + column, shape, steps)
                phase = phases[line, column, part]
                yield cast(strided(phase, 0, shape, (phase.strides[0], self._width * item, item)), source)
        seen = self._array(f"lines {lane}", (8 * count * run + 1,))
        here, below = phases[:, :, part, :run], phases[:, :, part, self._width : self._width + run]
        left, right = seen[:-1].reshape(4, 2, -1), seen[1:].reshape(4, 2, -1)
        yield from _into_tiles((here[0], here[1], below[0], below[1]), left.reshape(4, 2, count, run))
        corners = left[:, 0], left[:, 1], right[:, 0], right[:, 1]
        yield from _into_tiles(corners, inputs[:, :, part].reshape(4, 4, -1).swapaxes(0, 1))

    def _back(
        self, sums: Array, tiles: Array, lines: slice, part: slice, lane: int, residual: Array | None, target: Array
    ) -> Iterator[Kernel]:
        """Some rows of `sums` (4, 4, O, run), by way of `tiles` (2, 2, O, run), into the target, cell by cell."""
        sums, tiles, run, width = sums[:, :, part], tiles[:, :, part], sums.shape[-1], self._width
        halves = self._array(f"lines {lane}", (2, 4, sums.shape[2], run))
        if self._bias is not None:  # each of the four outputs has this sum once
            yield partial(np.add, sums[1, 1], self._bias[part], sums[1, 1])
        yield from _out_of_tiles(sums, halves)
        yield from _out_of_tiles(halves.swapaxes(0, 1), tiles.swapaxes(0, 1))
        low, high = np.float32(self._bounds[0]), np.float32(self._bounds[1])
        for line in range(2):
            for column in range(2):
                place = (part, slice(2 * lines.start + line, 2 * lines.stop, 2), slice(column, None, 2))
                cells = target[place]
                source = tiles[line, column].reshape(-1, run // width, width)[:, : cells.shape[1], : cells.shape[2]]
                if residual is not None:
                    yield partial(np.add, source, residual[place], source)
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
