"""What a convolution multiplies: the taps of its window as (groups, taps [+ a row of ones for the bias], columns).

The source is a sample as rows (see `Planes`). A pointwise window at unit stride needs no buffer: the rows are the
columns. Otherwise taps are copied into one, in blocks of groups or of lines that fit the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Scratch
from edgeconv.ops.jobs import cast
from edgeconv.ops.planes import Planes, run_of, strided
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass, replace

__all__ = ["BLOCK_BYTES", "WORTH_SPLITTING", "Block", "Columns", "Stage", "lane_of", "parts_of"]

BLOCK_BYTES = 1 << 20
"""Bytes of taps laid out at a time: near a core's second cache. benchmarks/blocks.py measures other sizes."""
FRUGAL_BYTES = 1 << 16
"""The same where memory is short."""

WORTH_SPLITTING = 4_000_000
"""Cost of a layer that may gain from a second thread, see `Columns.cost`."""

_NARROW = 128
"""Columns of a part below which BLAS is far from its peak."""

_FEWEST_ROWS = 32
"""Output rows of a part below which laying out the columns costs more than a thread gains."""


@dataclass(frozen=True)
class Block:
    """A part of the product: these groups, output rows and columns; `load` brings `array` (groups, K, columns) up to
    date, where that is not the work of a stage. Blocks of different `lane` may run at once."""

    groups: slice
    rows: slice
    columns: slice
    load: Kernel | None
    array: Array
    lane: int


@dataclass(frozen=True)
class Stage:
    """Jobs that come first, then blocks."""

    loads: tuple[Kernel, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Columns:
    """The columns of a window over rows of `planes`, for outputs (*out) that lie at `steps` from each other."""

    window: Window
    planes: Planes
    out: tuple[int, ...]
    steps: tuple[int, ...]
    groups: int
    channels: int

    @staticmethod
    def over(
        window: Window, planes: Planes, out: tuple[int, ...], target: Planes | None, groups: int, channels: int
    ) -> Columns:
        """At unit strides the outputs lie as the source does; else as the target does, or without gaps."""
        if set(window.strides) == {1}:
            steps = planes.steps
        else:
            steps = Planes(out, (0,) * len(out), (0,) * len(out)).steps if target is None else target.steps
        return Columns(window, planes, out, steps, groups, channels)

    @property
    def is_pointwise(self) -> bool:
        """True when the rows themselves are the columns."""
        return prod(self.window.kernel) == 1 and self.is_flat

    @property
    def is_flat(self) -> bool:
        """True at unit strides, where each tap is one contiguous run of a row."""
        return set(self.window.strides) == {1}

    @cached_property
    def run(self) -> int:
        """Number of columns."""
        return run_of(self.out, self.steps)

    @property
    def taps(self) -> int:
        """Rows of the product's right side for one group, without the ones."""
        return self.channels // self.groups * prod(self.window.kernel)

    @cached_property
    def first(self) -> int:
        """The place in a row of what the first tap of the first output sees."""
        begins = zip(self.window.pads, self.planes.steps, strict=False)
        return self.planes.origin - sum(begin * step for begin, step in begins)

    def elements(self, columns: Array) -> Array:
        """The outputs (rows, *out) inside columns (rows, run)."""
        inner = tuple(step * columns.itemsize for step in self.steps)
        return as_strided(columns, (columns.shape[0], *self.out), (columns.strides[0], *inner))

    def direct(self, rows: Array, ones: bool, outputs: int, threads: int, is_exact: bool) -> list[Stage]:
        """The stage of a pointwise window: parts of the rows (C [+ 1], length) themselves, for so many output rows."""
        used = rows[: self.channels + ones, self.first : self.first + self.run]
        array = used[None] if self.groups == 1 else used.reshape(self.groups, self.taps, -1)
        wanted, everything = self._wanted(outputs, threads, is_exact), slice(0, self.groups)
        if self._is_short(wanted):
            parts = parts_of(outputs, outputs, _row_parts(outputs, wanted))
            blocks = [Block(everything, part, slice(0, self.run), None, array, 0) for part in parts]
        else:
            most = max(1, BLOCK_BYTES // (4 * outputs * self.steps[0]))
            spans = [self._span(lines) for lines in parts_of(self.out[0], most, wanted)]
            blocks = [Block(everything, slice(0, outputs), span, None, array[:, :, span], 0) for span in spans]
        return [Stage((), tuple(_in_lanes(blocks, threads)))]

    def cost(self, outputs: int) -> int:
        """Multiply-accumulates; in groups each counts as the eight that take its time in a large product."""
        return outputs * self.taps * self.run * (1 if self.groups == 1 else 8)

    def _wanted(self, outputs: int, threads: int, is_exact: bool) -> int:
        """Into how many blocks the product is split so that `threads` can share it.

        Sums in float may depend on where the blocks end, and not on the number of threads: there the cost decides.
        """
        if is_exact:
            return threads
        cost = self.cost(outputs)
        if cost < WORTH_SPLITTING:
            return 1
        return 2 if cost < 8 * WORTH_SPLITTING else 4

    def _is_short(self, wanted: int) -> bool:
        """True where a part of the columns would be too narrow for BLAS, so that the output rows are split instead."""
        return self.groups == 1 and wanted > 1 and self.run < wanted * _NARROW

    def _span(self, lines: slice) -> slice:
        """The columns of some lines."""
        start = lines.start * self.steps[0]
        return slice(start, start + run_of((_size(lines), *self.out[1:]), self.steps))

    def part(self, first: int, lines: int) -> Columns:
        """The columns of some lines of the output."""
        return replace(self, out=(min(lines, self.out[0] - first), *self.out[1:]))

    def stages(
        self, rows: Array, dtype: str, ones: bool, outputs: int, threads: int, is_exact: bool, scratch: Scratch
    ) -> list[Stage]:
        """Stages whose taps are copied from rows (C, length) into buffers of `dtype`, for `outputs` rows.

        Buffers are shared by steps of one kind, int8 or float, so that what lies in the gaps is always a number of that
        kind; blocks that run at once have buffers of their own.
        """
        wanted, itemsize = self._wanted(outputs, threads, is_exact), np.dtype(dtype).itemsize
        most_bytes = FRUGAL_BYTES if scratch.is_frugal else BLOCK_BYTES
        key = f"columns {'int8' if is_exact else 'float'}{' and ones' if ones else ''}"
        if self._is_short(wanted):
            lines = self._lines(4 * most_bytes, itemsize, 1)
            buffer = self._buffer(f"{key} 0", 1, lines[0], dtype, ones, scratch)
            wholes = [self._block(rows, buffer, slice(0, 1), part, outputs, 0) for part in lines]
            return [_split_rows(whole, wanted, threads) for whole in wholes]
        if self.groups == 1:
            spans = [(slice(0, 1), line) for line in self._lines(most_bytes, itemsize, wanted)]
        else:
            most = max(1, most_bytes // ((self.taps + 1) * itemsize * self.run))
            spans = [(part, slice(0, self.out[0])) for part in parts_of(self.groups, most, wanted)]
        blocks = []
        for index, (groups, line) in enumerate(spans):
            lane = lane_of(index, len(spans), threads)
            buffer = self._buffer(f"{key} {lane}", _size(spans[0][0]), spans[0][1], dtype, ones, scratch)
            blocks.append(self._block(rows, buffer, groups, line, outputs, lane))
        return [Stage((), tuple(blocks))]

    def _lines(self, most_bytes: int, itemsize: int, wanted: int) -> list[slice]:
        """The lines of the output in parts whose taps take up to `most_bytes`."""
        line = max(self.steps[0], prod(self.out[1:]))
        return parts_of(self.out[0], max(1, most_bytes // ((self.taps + 1) * itemsize * line)), wanted)

    def _buffer(self, key: str, groups: int, lines: slice, dtype: str, ones: bool, scratch: Scratch) -> Array:
        widest = run_of((_size(lines), *self.out[1:]), self.steps)
        buffer = scratch.kept(key, (groups, self.taps + ones, widest), dtype)
        buffer[:, self.taps :] = 1
        return buffer

    def _block(self, rows: Array, buffer: Array, groups: slice, lines: slice, outputs: int, lane: int) -> Block:
        columns, per_group = self._span(lines), outputs // self.groups
        array = buffer[: _size(groups), :, : _size(columns)]
        body = self._as_taps(array, _size(lines))
        load = cast(body, self._taps_of(rows, groups, lines, _size(columns)))
        return Block(groups, slice(groups.start * per_group, groups.stop * per_group), columns, load, array, lane)

    def _taps_of(self, rows: Array, groups: slice, lines: slice, run: int) -> Array:
        """(groups, C / groups, *kernel, columns) of the rows; where strided, (*out) takes the place of the columns."""
        per_group, (row, item) = self.channels // self.groups, rows.strides
        steps = [step * item for step in self.planes.steps]
        lead = (row * per_group, row, *(d * s for d, s in zip(self.window.dilations, steps, strict=True)))
        count = _size(groups)
        offset = self.first + lines.start * self.window.strides[0] * self.planes.steps[0]
        part = rows[groups.start * per_group :]
        if self.is_flat:
            return strided(part, offset, (count, per_group, *self.window.kernel, run), (*lead, item))
        shape = (count, per_group, *self.window.kernel, _size(lines), *self.out[1:])
        moves = (n * s for n, s in zip(self.window.strides, steps, strict=True))
        return strided(part, offset, shape, (*lead, *moves))

    def _as_taps(self, buffer: Array, height: int) -> Array:
        """The buffer (groups, taps [+ 1], run) in the shape of `_taps_of`."""
        kernel, (group, row, item) = self.window.kernel, buffer.strides
        inner = (buffer.shape[2],) if self.is_flat else (height, *self.out[1:])
        tail = (item,) if self.is_flat else tuple(step * item for step in self.steps)
        lead = [row * prod(kernel[axis:]) for axis in range(len(kernel) + 1)]
        shape = (buffer.shape[0], self.channels // self.groups, *kernel, *inner)
        return as_strided(buffer, shape, (group, *lead, *tail))


def lane_of(index: int, count: int, threads: int) -> int:
    """Which of the threads works on block number `index` of `count`."""
    return index * min(threads, count) // count


def _in_lanes(blocks: Sequence[Block], threads: int) -> list[Block]:
    """The blocks, shared among the threads."""
    if threads == 1:
        return list(blocks)
    return [replace(block, lane=lane_of(index, len(blocks), threads)) for index, block in enumerate(blocks)]


def _split_rows(block: Block, count: int, threads: int) -> Stage:
    """The stage that loads the block's columns, and then computes its output rows in parts."""
    rows = _size(block.rows)
    parts = [replace(block, rows=part, load=None) for part in parts_of(rows, rows, _row_parts(rows, count))]
    return Stage(() if block.load is None else (block.load,), tuple(_in_lanes(parts, threads)))


def _row_parts(rows: int, wanted: int) -> int:
    """Parts of output rows: few, since every part lays out the same columns for BLAS again."""
    return max(1, min(wanted, rows // _FEWEST_ROWS))


def _size(part: slice) -> int:
    size: int = part.stop - part.start
    return size


def parts_of(total: int, most: int, wanted: int) -> list[slice]:
    """Nearly equal parts of `total`, each at most `most`: `wanted` of them or a multiple, where there are as many."""
    count = min(-(-total // (most * wanted)) * wanted, total)
    bounds = [-(-total * index // count) for index in range(count + 1)]
    return [slice(first, stop) for first, stop in pairwise(bounds)]
