"""Sources of samples: what every kind of data answers, whether it lies in memory, in a file, or is drawn at random.

A sample is one row along axis 0 of every input. Where inputs cannot be cut into rows (a stack of whole inputs whose
axis 0 is not 1), a sample is one whole set of inputs, and every batch holds exactly one.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError

__all__ = ["RANDOM_NOTE", "Batch", "ChainSource", "ContentDigest", "DataSource", "joined_digest", "regroup"]

RANDOM_NOTE = "random data: not an accuracy claim"


@dataclass(frozen=True, eq=False)
class Batch:
    """Some samples, ready to feed.

    inputs: input name -> array [count, ...] in the dtype that the model takes; treat it as read-only.
    labels: int64 [count], or None. is_whole: the arrays are one whole set of inputs (count 1; labels may be several).
    """

    inputs: dict[str, Array]
    labels: Array | None
    count: int
    is_whole: bool = False


class DataSource(ABC):
    """Samples for one model; read as often as needed, always in the same order.

    name: what to call it in messages. inputs: the types of the model's inputs. count: samples, None while unknown.
    uses_preprocessing: True where mean, scale and the like were applied (images).
    """

    is_random = False
    uses_preprocessing = False

    def __init__(self, name: str, inputs: Mapping[str, TensorType], count: int | None, has_labels: bool) -> None:
        if count == 0:
            raise DataError(f"{name}: no samples; give at least one")
        self.name, self.inputs, self.count, self.has_labels = name, dict(inputs), count, has_labels

    @abstractmethod
    def pieces(self, size: int) -> Iterator[Batch]:
        """All samples in order, in pieces of at most `size`; `batches` fills them up."""

    def batches(self, size: int) -> Iterator[Batch]:
        """All samples in order, `size` at a time (the last batch may be smaller).

        Memory stays that of a few batches. Raises DataError, the sample named, where the data does not fit.
        """
        if size < 1:
            raise ValueError(f"a batch needs at least one sample, found size={size}")
        return regroup(self.pieces(size), size)

    def without_first(self, samples: int) -> DataSource:
        """The source from sample number `samples` on."""
        return _Rest(self, samples) if samples else self

    def digest(self, size: int = 64) -> str:
        """The `ContentDigest` of all samples; file names, dates and containers play no part."""
        running = ContentDigest()
        for batch in self.batches(size):
            running.update(batch)
        return running.hexdigest()

    def describe(self) -> str:
        """One line for people."""
        count = "samples" if self.count is None else f"{self.count} sample{'s' * (self.count != 1)}"
        return f"{self.name}: {count}{', with labels' if self.has_labels else ''}"


class _Rest(DataSource):
    """A source without its first samples; these are read and dropped."""

    def __init__(self, source: DataSource, skipped: int) -> None:
        count = None if source.count is None else source.count - skipped
        super().__init__(source.name, source.inputs, count, source.has_labels)
        self.is_random, self.uses_preprocessing = source.is_random, source.uses_preprocessing
        self._source, self._skipped = source, skipped

    def pieces(self, size: int) -> Iterator[Batch]:
        """The pieces that are left."""
        left = self._skipped
        for piece in self._source.pieces(size):
            if left >= piece.count:
                left -= piece.count
            elif left:
                yield list(_cut(piece, left, piece.count))[-1]
                left = 0
            else:
                yield piece


class ChainSource(DataSource):
    """Several sources, one after the other."""

    def __init__(self, name: str, sources: Sequence[DataSource]) -> None:
        for source in sources:
            if source.has_labels != sources[0].has_labels:
                with_, without = (source, sources[0]) if source.has_labels else (sources[0], source)
                raise DataError(f"{with_.name} has labels, {without.name} has none; label all files or none")
        self._sources = sources
        super().__init__(name, sources[0].inputs, sum(source.count or 0 for source in sources), sources[0].has_labels)

    def pieces(self, size: int) -> Iterator[Batch]:
        """The pieces of every source in turn."""
        for source in self._sources:
            yield from source.pieces(size)


class ContentDigest:
    """A digest of samples as they stream by: the sum, modulo 2**256, of the sha256 of each with its number.

    How they are grouped into batches does not matter, and parts of a whole are joined by `joined_digest`. `first` is
    the number of the first sample.
    """

    def __init__(self, first: int = 0) -> None:
        self._number, self._sum = first, 0

    def update(self, batch: Batch) -> None:
        """Take in the samples of `batch`."""
        columns = {f"input {name}": array[None] if batch.is_whole else array for name, array in batch.inputs.items()}
        if batch.labels is not None:
            columns["labels"] = batch.labels
        plain = [
            (
                repr((name, array.dtype.name, array.shape[1:])).encode(),
                np.ascontiguousarray(array, array.dtype.newbyteorder("<")),
            )
            for name, array in sorted(columns.items())
        ]
        for row in range(max((len(array) for _, array in plain), default=0)):
            sample = hashlib.sha256(str(self._number).encode())
            for head, array in plain:
                sample.update(head)
                sample.update(array[row : row + 1].data)
            self._sum += int.from_bytes(sample.digest(), "big")
            self._number += 1

    def hexdigest(self) -> str:
        """The digest of all samples seen so far: 64 hexadecimal digits."""
        return joined_digest([f"{self._sum:x}"])


def joined_digest(parts: Iterable[str]) -> str:
    """The digest of all samples together from the digests of some each."""
    return f"{sum(int(part, 16) for part in parts) % (1 << 256):064x}"


def regroup(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Batches of `size` from smaller or larger ones; rows of different shapes are never joined."""
    held: list[Batch] = []
    room = size
    for piece in pieces:
        if held and not _joinable(held[0], piece):
            yield _join(held)
            held, room = [], size
        for part in _cut(piece, room, size):
            held.append(part)
            room -= part.count
            if not room or part.is_whole:
                yield _join(held)
                held, room = [], size
    if held:
        yield _join(held)


def _cut(piece: Batch, first: int, size: int) -> Iterator[Batch]:
    """`piece` in parts of at most `first`, then `size` samples."""
    if piece.is_whole or piece.count <= first:
        yield piece
        return
    start, stop = 0, first
    while start < piece.count:
        inputs = {name: array[start:stop] for name, array in piece.inputs.items()}
        labels = None if piece.labels is None else piece.labels[start:stop]
        yield Batch(inputs, labels, min(stop, piece.count) - start)
        start, stop = stop, stop + size


def _joinable(a: Batch, b: Batch) -> bool:
    return not (a.is_whole or b.is_whole) and all(
        array.shape[1:] == b.inputs[name].shape[1:] and array.dtype == b.inputs[name].dtype
        for name, array in a.inputs.items()
    )


def _join(parts: Sequence[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    inputs = {name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs}
    labels = [part.labels for part in parts if part.labels is not None]
    return Batch(inputs, np.concatenate(labels) if labels else None, sum(part.count for part in parts))
