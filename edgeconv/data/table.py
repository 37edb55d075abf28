"""A table of samples: one array per input and perhaps labels, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.data.checks import LABELS, Rows, check_labels, check_names, checked_dtype, convert, rows_of
from edgeconv.data.npy import reading
from edgeconv.data.source import Batch, DataSource
from edgeconv.errors import DataError
from edgeconv.runtime.strings import STRING_KINDS, StringType

__all__ = ["MemoryReader", "RowReader", "TableSource"]

_STRING_ROWS = 4096
"""Rows of strings that are read at a time."""


class RowReader(Protocol):
    """An array that is read from its first row to its last, as often as asked."""

    @property
    def where(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    def chunks(self, size: int) -> Iterator[Array]:
        """Rows in order, at most `size` at a time."""


@dataclass(frozen=True)
class MemoryReader:
    """An array that is in memory."""

    where: str
    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """As the array's."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """As the array's."""
        return self.array.dtype

    def chunks(self, size: int) -> Iterator[Array]:
        """Views of the rows in order, at most `size` at a time."""
        rows = self.array if self.array.ndim else self.array[None]
        return (rows[start : start + size] for start in range(0, len(rows), size))


@dataclass(frozen=True)
class _Input:
    name: str
    reader: RowReader
    rows: Rows
    target: np.dtype[np.generic]
    takes_nan: bool

    def chunks(self, size: int) -> Iterator[Array]:
        """Rows in the model's dtype: [rows, *shape of a row]."""
        first = 0
        for chunk in self.reader.chunks(size):
            rows = chunk.reshape(len(chunk), *self.rows.shape)
            yield convert(self.reader.where, self.name, rows, self.target, first, self.takes_nan)
            first += len(rows)


class TableSource(DataSource):
    """One reader per input, checked against the model at once; the values are checked as they are read.

    Raises DataError for names, ranks, dimensions, dtypes, sample counts and labels that do not fit.
    """

    def __init__(self, name: str, readers: Mapping[str, RowReader], inputs: Mapping[str, TensorType]) -> None:
        if not inputs:
            raise DataError(f"{name}: the model has no inputs to feed; convert it with --precision fp32")
        check_names(name, readers, inputs)
        self._inputs = [_input(key, readers[key], known) for key, known in inputs.items()]
        self._labels = None if LABELS in inputs else readers.get(LABELS)
        self._is_whole = any(column.rows.is_whole for column in self._inputs)
        count = self._common_count(name)
        if self._labels is not None:
            check_labels(name, self._labels.shape, self._labels.dtype, count, self._is_whole)
        super().__init__(name, inputs, count, self._labels is not None)

    def pieces(self, size: int) -> Iterator[Batch]:
        """Chunks of `size` rows, or one whole set of inputs at a time."""
        step = 1 if self._is_whole else size
        labels = self._labels.chunks(step) if self._labels is not None else None
        for chunks in zip(*(column.chunks(step) for column in self._inputs), strict=True):
            arrays = {
                column.name: chunk.reshape(chunk.shape[1:]) if column.rows.is_whole else chunk
                for column, chunk in zip(self._inputs, chunks, strict=True)
            }
            truth = None if labels is None else next(labels).reshape(-1).astype(np.int64)
            yield Batch(arrays, truth, len(chunks[0]), self._is_whole)

    def _common_count(self, name: str) -> int:
        counts = {column.name: column.rows.count for column in self._inputs}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{key!r} {count}" for key, count in counts.items())
            raise DataError(f"{name}: sample counts differ: {found}; give every input as many (one more axis in front: "
                            "a stack of whole inputs)")  # fmt: skip
        return next(iter(counts.values()))


def _input(name: str, reader: RowReader, known: TensorType) -> _Input:
    if isinstance(known, StringType) and reader.dtype.kind in STRING_KINDS:
        reader = _numbered(reader, known)
    rows = rows_of(reader.where, name, reader.shape, known)
    return _Input(name, reader, rows, checked_dtype(reader.where, name, reader.dtype, known), known.takes_nan)


def _numbered(reader: RowReader, known: StringType) -> MemoryReader:
    """All strings of an array as numbers."""
    with reading(reader.where):
        strings = np.concatenate([np.empty((0, *reader.shape[1:]), reader.dtype), *reader.chunks(_STRING_ROWS)])
        return MemoryReader(reader.where, known.numbered(strings))
