"""What a convolution multiplies: the taps of its window as (groups, taps [+ a row of ones for the bias], columns).

The source is a sample as rows (see `Planes`). A pointwise window at unit stride needs no buffer: the rows are the
columns. Otherwise taps are copied into one, in blocks of groups or of lines that fit the cache.
"""

from __future__ import annotations

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

__all__ = ["BLOCK_BYTES", "Block", "Columns", "lane_of"]

BLOCK_BYTES = 1 << 20
"""Bytes of taps laid out at a time: near a core's second cache. benchmarks/blocks.py measures other sizes."""

_WORTH_SPLITTING = 4_000_000
"""Multiply-accumulates of a layer that gains from a second thread."""


@dataclass(frozen=True)
class Block:
    """A part of the product: these groups, these columns; `load` brings `columns` (groups, K, columns) up to date."""

    groups: slice
    columns: slice
    load: Kernel | None
    array: Array


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

    def direct(self, rows: Array, ones: bool, outputs: int) -> list[Block]:
        """Blocks of a pointwise window: parts of the rows (C [+ 1], length) themselves, for so many output rows."""
        used = rows[: self.channels + ones, self.first : self.first + self.run]
        array = used[None] if self.groups == 1 else used.reshape(self.groups, self.taps, -1)
        most = max(1, BLOCK_BYTES // (4 * outputs * self.steps[0]))
        spans = [
            self._span(lines) for lines in _parts(self.out[0], most, _parts_wanted(outputs * self.taps * self.run))
        ]
        return [Block(slice(0, self.groups), columns, None, array[:, :, columns]) for columns in spans]

    def _span(self, lines: slice) -> slice:
        """The columns of some lines."""
        start = lines.start * self.steps[0]
        return slice(start, start + run_of((lines.stop - lines.start, *self.out[1:]), self.steps))

    def part(self, first: int, lines: int) -> Columns:
        """The columns of some lines of the output."""
        return replace(self, out=(min(lines, self.out[0] - first), *self.out[1:]))

    def blocks(self, rows: Array, kind: str, dtype: str, ones: bool, outputs: int, scratch: Scratch) -> list[Block]:
        """Blocks whose taps are copied from rows (C, length) into buffers of `dtype`, for `outputs` rows.

        Buffers are shared by steps of one `kind`, so that what lies in the gaps is always a number of that kind; blocks
        that run at once have buffers of their own.
        """
        wanted = _parts_wanted(outputs // self.groups * self.groups * self.taps * self.run)
        lines, groups = self._extents(np.dtype(dtype).itemsize, wanted)
        spans = [(part, line) for part in groups for line in lines]
        widest = run_of((lines[0].stop, *self.out[1:]), self.steps)
        key = f"columns {kind}{' and ones' if ones else ''}"
        found = []
        for index, (part, line) in enumerate(spans):
            lane = lane_of(index, len(spans), scratch.threads)
            buffer = scratch.kept(f"{key} {lane}", (groups[0].stop, self.taps + ones, widest), dtype)
            buffer[:, self.taps :] = 1
            found.append(self._block(rows, buffer, part, line))
        return found

    def _extents(self, itemsize: int, wanted: int) -> tuple[list[slice], list[slice]]:
        """(lines of the output, groups) of the blocks: many groups go group by group, one goes line by line."""
        bytes_each = (self.taps + 1) * itemsize
        if self.groups > 1:
            most = max(1, BLOCK_BYTES // (bytes_each * self.run))
            return [slice(0, self.out[0])], _parts(self.groups, most, wanted)
        line = max(self.steps[0], prod(self.out[1:]))
        return _parts(self.out[0], max(1, BLOCK_BYTES // (bytes_each * line)), wanted), [slice(0, 1)]

    def _block(self, rows: Array, buffer: Array, groups: slice, lines: slice) -> Block:
        count, height = groups.stop - groups.start, lines.stop - lines.start
        columns = self._span(lines)
        run = columns.stop - columns.start
        array = buffer[:count, :, :run]
        body = self._as_taps(array, height)
        source = self._taps_of(rows, groups, lines, run)
        return Block(groups, columns, cast(body, source), array)

    def _taps_of(self, rows: Array, groups: slice, lines: slice, run: int) -> Array:
        """(groups, C / groups, *kernel, columns) of the rows; where strided, (*out) takes the place of the columns."""
        per_group, (row, item) = self.channels // self.groups, rows.strides
        steps = [step * item for step in self.planes.steps]
        lead = (row * per_group, row, *(d * s for d, s in zip(self.window.dilations, steps, strict=True)))
        count = groups.stop - groups.start
        offset = self.first + lines.start * self.window.strides[0] * self.planes.steps[0]
        part = rows[groups.start * per_group :]
        if self.is_flat:
            return strided(part, offset, (count, per_group, *self.window.kernel, run), (*lead, item))
        shape = (count, per_group, *self.window.kernel, lines.stop - lines.start, *self.out[1:])
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


def _parts_wanted(macs: int) -> int:
    """Into how many blocks a product is split so that threads can share it, whatever their number."""
    if macs < _WORTH_SPLITTING:
        return 1
    return 2 if macs < 4 * _WORTH_SPLITTING else 4


def _parts(total: int, most: int, wanted: int) -> list[slice]:
    """Nearly equal parts of `total`, each at most `most`, and `wanted` of them where there are as many."""
    count = min(max(-(-total // most), wanted), total)
    bounds = [-(-total * index // count) for index in range(count + 1)]
    return [slice(first, stop) for first, stop in pairwise(bounds)]
