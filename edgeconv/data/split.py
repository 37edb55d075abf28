"""Two sources of one: some samples, spread evenly, held out; and the others."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

import numpy as np

from edgeconv.core import Array
from edgeconv.data.source import Batch, DataSource
from edgeconv.errors import UsageError

__all__ = ["split"]


def split(source: DataSource, held_out: float) -> tuple[DataSource, DataSource]:
    """(the others, those held out): of every 1 / `held_out` samples in order, one.

    UsageError for a share that is not between 0 and 1, or that leaves one of the two without samples.
    """
    if not 0 < held_out < 1:
        raise UsageError(f"the share to hold out is {held_out:g}; it must be more than 0 and less than 1")
    if source.count is not None and not 0 < _held(source.count, held_out) < source.count:
        raise UsageError(f"{source.name}: of {source.count} samples {100 * held_out:g} % cannot be held out; give more")
    return _Part(source, held_out, False), _Part(source, held_out, True)


def _held(samples: int, share: float) -> int:
    """How many of the first `samples` are held out."""
    return floor(samples * share + 1e-9)


class _Part(DataSource):
    def __init__(self, source: DataSource, share: float, is_held: bool) -> None:
        held = None if source.count is None else _held(source.count, share)
        count = None if source.count is None or held is None else held if is_held else source.count - held
        super().__init__(source.name, source.inputs, count, source.has_labels)
        self.is_random, self.uses_preprocessing = source.is_random, source.uses_preprocessing
        self._source, self._share, self._is_held = source, share, is_held

    def pieces(self, size: int) -> Iterator[Batch]:
        """What is left of every piece of the source."""
        seen = 0
        for piece in self._source.pieces(size):
            numbers = range(seen, seen + piece.count)
            wanted = [at for at, number in enumerate(numbers) if self._has(number)]
            seen += piece.count
            if wanted:
                yield piece if len(wanted) == piece.count else _rows(piece, np.array(wanted))

    def _has(self, number: int) -> bool:
        is_held = _held(number + 1, self._share) > _held(number, self._share)
        return is_held == self._is_held


def _rows(batch: Batch, rows: Array) -> Batch:
    inputs = {name: array[rows] for name, array in batch.inputs.items()}
    return Batch(inputs, None if batch.labels is None else batch.labels[rows], len(rows))
