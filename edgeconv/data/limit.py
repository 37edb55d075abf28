"""The first samples of a source, as a source."""

from __future__ import annotations

from collections.abc import Iterator

from edgeconv.data.source import Batch, DataSource
from edgeconv.errors import UsageError

__all__ = ["first_samples"]


def first_samples(source: DataSource, limit: int | None) -> DataSource:
    """`source`, cut off after `limit` samples; None leaves it whole. UsageError for a limit below 1."""
    if limit is None or (source.count is not None and source.count <= limit):
        return source
    if limit < 1:
        raise UsageError(f"at least one sample is needed, found {limit}")
    return _FirstSamples(source, limit)


class _FirstSamples(DataSource):
    def __init__(self, source: DataSource, limit: int) -> None:
        count = None if source.count is None else min(source.count, limit)
        super().__init__(source.name, source.inputs, count, source.has_labels)
        self.is_random, self.uses_preprocessing = source.is_random, source.uses_preprocessing
        self._source, self._limit = source, limit

    def pieces(self, size: int) -> Iterator[Batch]:
        """The pieces of the source until there are enough samples."""
        left = self._limit
        for piece in self._source.pieces(size):
            yield piece if piece.count <= left else _head(piece, left)
            left -= piece.count
            if left <= 0:
                return


def _head(batch: Batch, count: int) -> Batch:
    inputs = {name: array[:count] for name, array in batch.inputs.items()}
    return Batch(inputs, None if batch.labels is None else batch.labels[:count], count)
