"""Planes: activations (N, C, *S) as flat rows with room for the padding of whoever reads them.

Every channel is one row: the elements of the map at a fixed pitch, with gaps that hold the padding. The gap after one
line is the margin before the next, so at unit stride each tap of a window is one long contiguous run of the row, and
nothing is padded or copied on the way. One more row per sample holds ones: it carries the bias of a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array
from edgeconv.records import dataclass

__all__ = ["Planes", "filled"]


@dataclass(frozen=True)
class Planes:
    """Where the elements of a map (*S) lie in its row; `begins` and `ends` are margins along each axis."""

    spatial: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @cached_property
    def gaps(self) -> tuple[int, ...]:
        """Cells between neighbours along each axis but the first: one gap is the end of a line and the next's begin."""
        return tuple(max(pair) for pair in zip(self.begins, self.ends, strict=True))

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Distance in the row between neighbours along each axis."""
        steps = [1]
        for size, gap in zip(self.spatial[:0:-1], self.gaps[:0:-1], strict=True):
            steps.insert(0, steps[0] * (size + gap))
        return tuple(steps)

    @cached_property
    def origin(self) -> int:
        """Place of the first element."""
        return sum(begin * step for begin, step in zip(self.begins, self.steps, strict=True))

    @cached_property
    def run(self) -> int:
        """Cells from the first to the last element, both included."""
        return run_of(self.spatial, self.steps)

    @cached_property
    def length(self) -> int:
        """Cells of a row: whole lines, so that NumPy sees that no two elements share a cell, and copies nothing."""
        cells = self.origin + (self.spatial[0] + self.ends[0]) * self.steps[0] + self.ends[-1]
        return -(-cells // self.steps[0]) * self.steps[0]

    def rows(self, batch: int, channels: int) -> tuple[int, int, int]:
        """The shape of the rows of all samples: one row more for each, of ones."""
        return batch, channels + 1, self.length

    def covers(self, begins: Sequence[int], ends: Sequence[int]) -> bool:
        """True when the margins are at least these."""
        wanted = zip((*begins, *ends), (*self.begins, *self.ends), strict=True)
        return all(need <= have for need, have in wanted)

    def elements(self, rows: Array) -> Array:
        """The elements (..., *S) in rows (..., length)."""
        return strided(rows, self.origin, (*rows.shape[:-1], *self.spatial), (*rows.strides[:-1], *self.bytes(rows)))

    def bytes(self, rows: Array) -> tuple[int, ...]:
        """Strides of the elements."""
        return tuple(step * rows.itemsize for step in self.steps)

    def holes(self, rows: Array) -> list[Array]:
        """Views of the gaps inside the run of rows (R, length): what a kernel that writes whole runs has to clear."""
        found = []
        for axis in range(1, len(self.spatial)):
            if self.gaps[axis]:
                lead, step = self.spatial[:axis], self.steps[axis]
                shape = (*rows.shape[:-1], *lead, self.gaps[axis] * step)
                strides = (*rows.strides[:-1], *self.bytes(rows)[:axis], rows.itemsize)
                found.append(strided(rows, self.origin + self.spatial[axis] * step, shape, strides))
        return found

    @cached_property
    def mask(self) -> Array:
        """float32 (length,): 1 where there is an element, 0 in the margins."""
        row = np.zeros(self.length, np.float32)
        self.elements(row)[...] = 1
        return row


def run_of(spatial: Sequence[int], steps: Sequence[int]) -> int:
    """Cells from the first to the last element of a map at these steps."""
    return sum((size - 1) * step for size, step in zip(spatial, steps, strict=True)) + 1


def strided(rows: Array, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """A view of `shape` and `strides` (bytes) that begins `offset` cells into every row."""
    return as_strided(rows[..., offset:], tuple(shape), tuple(strides))


def filled(rows: Array) -> Array:
    """Rows (batch, channels + 1, length), with zeros, and ones in the last row of every sample."""
    rows.fill(0)
    rows[:, -1] = 1
    return rows
