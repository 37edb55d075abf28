"""What a convolution multiplies: the taps of its window as (groups, taps [+ a row of ones for the bias], columns).

The source is a sample as rows (see `Planes`). A pointwise window at unit stride needs no buffer: the rows are the
columns. Otherwise taps are copied into one, in blocks of groups or of lines that fit the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import pairwise, product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Scratch
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.planes import Planes, run_of, strided
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass, replace

__all__ = ["BLOCK_BYTES", "WORTH_SPLITTING", "Block", "Columns", "Stage", "in_shifts", "lane_of", "parts_of", "reused"]

BLOCK_BYTES = 1 << 20
"""Bytes of taps laid out at a time: near a core's second cache. benchmarks/blocks.py measures other sizes."""
FRUGAL_BYTES = 1 << 16
"""The same where memory is short."""

KEPT_CELLS = 1 << 16
"""Cells of working memory up to which every shape has its own."""

WORTH_PHASES = 1 << 17
"""Cells of taps in all from which it pays to copy them by way of phases."""

WORTH_GAPLESS = 256
"""Rows of a product times cells of a gap from which it pays to lay its columns out without gaps."""

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
    """The columns of a window over rows of `planes`, for outputs (*out) that lie at `steps` from each other.

    `phased`: the window moves by strides, and taps are taken from phases: every so-manieth element along each axis.
    `shifts`: so many sums, of so many taps of the last axis, are each made over all columns, and added at a distance of
    `shift` columns; `window` is then that of one of them.
    """

    window: Window
    planes: Planes
    out: tuple[int, ...]
    steps: tuple[int, ...]
    groups: int
    channels: int
    phased: bool = False
    shifts: int = 1
    shift: int = 0

    @staticmethod
    def over(
        window: Window,
        planes: Planes,
        out: tuple[int, ...],
        target: Planes | None,
        groups: int,
        channels: int,
        outputs: int,
    ) -> Columns:
        """At unit strides the outputs lie as the source does; else as the target does, or without gaps.

        So they do anyway where gaps cost more in a product with `outputs` rows than long runs of taps save.
        """
        dense = Planes(out, (0,) * len(out), (0,) * len(out)).steps
        steps, phased = planes.steps, False
        if set(window.strides) != {1}:
            # An element that belongs to several taps is better copied over long steps once, and then in runs.
            several = prod(window.kernel) > prod(window.strides) and set(window.dilations) == {1}
            phased = several and channels * prod(window.kernel) * prod(out) >= WORTH_PHASES
            beyond = tuple(-(-n // s) - 1 for n, s in zip(window.kernel, window.strides, strict=True))
            steps = Planes(out, (0,) * len(out), beyond).steps if phased else dense
            if target is not None and all(have >= need for have, need in zip(target.steps, steps, strict=True)):
                steps = target.steps
        if prod(window.kernel) > 1 and (run_of(out, steps) - prod(out)) * outputs // groups >= WORTH_GAPLESS * out[0]:
            return Columns(window, planes, out, dense, groups, channels)
        return Columns(window, planes, out, steps, groups, channels, phased)

    def shifted(self) -> Columns:
        """The same for unit strides, in shifts: one tap of the last axis stands for all of them."""
        window = replace(self.window, kernel=(*self.window.kernel[:-1], 1))
        return replace(self, window=window, shifts=self.window.kernel[-1], shift=self.window.dilations[-1])

    @property
    def reach(self) -> int:
        """Columns beyond the last output, for the shifts."""
        return (self.shifts - 1) * self.shift

    @property
    def is_pointwise(self) -> bool:
        """True when the rows themselves are the columns."""
        return {*self.window.kernel, *self.window.strides} == {1}

    @property
    def is_flat(self) -> bool:
        """True where each tap is one contiguous run of a row, or of a phase."""
        return self.phased or (set(self.window.strides) == {1} and self.steps == self.planes.steps)

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
        return outputs * self.taps * self.shifts * self.run * (1 if self.groups == 1 else 8)

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

        Blocks that run at once have buffers of their own.
        """
        wanted, itemsize = self._wanted(outputs, threads, is_exact), np.dtype(dtype).itemsize
        most_bytes = FRUGAL_BYTES if scratch.is_frugal else BLOCK_BYTES
        kind, is_short = "int8" if is_exact else "float", self._is_short(wanted)
        if is_short or self.groups == 1:
            parts = self._lines(4 * most_bytes, itemsize, 1) if is_short else self._lines(most_bytes, itemsize, wanted)
            spans = [(slice(0, 1), part) for part in parts]
        else:
            columns = self.taps + 1 if self.shifts == 1 else 2 * (self.taps + self.shifts)  # sums of shifts come beside
            most = max(1, most_bytes // (columns * itemsize * (self.run + self.reach)))
            spans = [(part, slice(0, self.out[0])) for part in parts_of(self.groups, most, wanted)]
        blocks: list[Block] = []
        for index, (groups, lines) in enumerate(spans):
            lane = 0 if is_short else lane_of(index, len(spans), threads)
            room = (_size(spans[0][0]), self.taps + ones, _size(self._span(spans[0][1])) + self.reach)
            memory = reused(scratch, f"columns {kind} {lane}", room, dtype)
            loads = _Loads(self, groups, lines, memory, f"phase {kind} {lane}", scratch)
            is_first = not blocks or blocks[-1].lane != lane
            load, per_group = chain(loads.jobs(rows, is_first)), outputs // self.groups
            part = slice(groups.start * per_group, groups.stop * per_group)
            blocks.append(Block(groups, part, self._span(lines), load, loads.buffer, lane))
        return [_split_rows(block, wanted, threads) for block in blocks] if is_short else [Stage((), tuple(blocks))]

    def _lines(self, most_bytes: int, itemsize: int, wanted: int) -> list[slice]:
        """The lines of the output in parts whose taps take up to `most_bytes`."""
        line = max(self.steps[0], prod(self.out[1:]))
        return parts_of(self.out[0], max(1, most_bytes // ((self.taps + 1) * itemsize * line)), wanted)


def in_shifts(matrix: Array, kernel: tuple[int, ...], ones: bool) -> Array:
    """Weights (groups, 1, taps [+ 1]) for `Columns.shifted`: (groups, shifts, other taps [+ 1]), the bias first."""
    groups, last = matrix.shape[0], kernel[-1]
    taps = matrix[:, 0, : prod(kernel)].reshape(groups, -1, last).transpose(0, 2, 1)
    found = np.zeros((groups, last, taps.shape[2] + ones), matrix.dtype)
    found[:, :, : taps.shape[2]] = taps
    if ones:
        found[:, 0, -1] = matrix[:, 0, -1]
    return found


class _Loads:
    """The buffer (groups, taps [+ 1], run) of some groups and lines, and what copies their taps into it.

    `memory`: of the largest such buffer of the step. Steps of one kind, int8 or float, use it one after another, so
    that what lies in the gaps is always a number of that kind.
    """

    def __init__(
        self, columns: Columns, groups: slice, lines: slice, memory: Array, key: str, scratch: Scratch
    ) -> None:
        self._columns, self._groups, self._memory, self._key, self._scratch = columns, groups, memory, key, scratch
        self._first: int = lines.start
        self._out = (_size(lines), *columns.out[1:])
        self.buffer = memory[: _size(groups), :, : run_of(self._out, columns.steps) + columns.reach]

    def jobs(self, rows: Array, is_first: bool) -> Iterator[Kernel]:
        """From rows (C, length). The first of a step writes the ones for the bias, where others use the memory too."""
        columns, per_group = self._columns, self._columns.channels // self._columns.groups
        rows = rows[self._groups.start * per_group : self._groups.stop * per_group]
        ones = self._memory[:, columns.taps :]
        ones.fill(1)
        if is_first and ones.size and self._memory.size > KEPT_CELLS:
            yield partial(ones.fill, 1)
        yield from self._in_phases(rows) if columns.phased else self._at_once(rows)

    @property
    def _origin(self) -> int:
        """Where the first tap of the first line lies in a row."""
        columns, line = self._columns, self._first * self._columns.window.strides[0]
        return columns.first + line * columns.planes.steps[0]

    def _at_once(self, rows: Array) -> Iterator[Kernel]:
        """One copy, of runs at unit strides, else of elements."""
        columns, window, (row, item) = self._columns, self._columns.window, rows.strides
        steps = [step * item for step in columns.planes.steps]
        taps = [d * step for d, step in zip(window.dilations, steps, strict=True)]
        moves = [n * step for n, step in zip(window.strides, steps, strict=True)]
        target = self._taps(columns.is_flat)
        tail = [item] if columns.is_flat else moves
        yield cast(target, strided(rows, self._origin, target.shape, (target.shape[1] * row, row, *taps, *tail)))

    def _in_phases(self, rows: Array) -> Iterator[Kernel]:
        """Every phase that taps see as runs, then these taps."""
        columns, strides = self._columns, self._columns.window.strides
        seen = [(n - 1) * s + k for n, s, k in zip(self._out, strides, columns.window.kernel, strict=True)]
        cells = (-(-seen[0] // strides[0]) + 1) * columns.steps[0]
        phase = reused(self._scratch, self._key, (rows.shape[0], cells), rows.dtype.name)
        places = [step * phase.itemsize for step in columns.steps]
        moves = [n * step * rows.itemsize for n, step in zip(strides, columns.planes.steps, strict=True)]
        target = self._taps(True)
        for first in product(*(range(min(pair)) for pair in zip(strides, columns.window.kernel, strict=True))):
            sizes = [-(-(size - place) // stride) for size, place, stride in zip(seen, first, strides, strict=True)]
            start = self._origin + sum(place * step for place, step in zip(first, columns.planes.steps, strict=True))
            source = strided(rows, start, (rows.shape[0], *sizes), (rows.strides[0], *moves))
            yield cast(strided(phase, 0, source.shape, (phase.strides[0], *places)), source)
            every = (slice(place, None, stride) for place, stride in zip(first, strides, strict=True))
            taps, row = target[(slice(None), slice(None), *every)], phase.strides[0]
            runs = strided(phase, 0, taps.shape, (taps.shape[1] * row, row, *places, phase.itemsize))
            yield cast(taps, runs)

    def _taps(self, as_runs: bool) -> Array:
        """The buffer without the ones as (groups, C / groups, *kernel, run), or with *out in place of the run."""
        columns, (group, row, item) = self._columns, self.buffer.strides
        inner = self.buffer.shape[2:] if as_runs else self._out
        tail = [item] if as_runs else [step * item for step in columns.steps]
        kernel = columns.window.kernel
        lead = [row * prod(kernel[axis:]) for axis in range(len(kernel) + 1)]
        shape = (self.buffer.shape[0], columns.channels // columns.groups, *kernel, *inner)
        return as_strided(self.buffer, shape, (group, *lead, *tail))


def reused(scratch: Scratch, key: str, shape: tuple[int, ...], dtype: str) -> Array:
    """Memory that steps with the same key use one after another, so that it stays in the cache.

    Up to `KEPT_CELLS` only steps with the same shape do: it is small, and what a step leaves there it finds again.
    """
    size = prod(shape)
    if size <= KEPT_CELLS or scratch.is_frugal:
        return scratch.kept(key, shape, dtype)
    return scratch.kept(key, (max(BLOCK_BYTES // 4, 1 << size.bit_length()),), dtype)[:size].reshape(shape)


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
