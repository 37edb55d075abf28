"""Samples from Python: arrays and dicts one after the other, from a list, a loader, or a function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.data.checks import LABELS, single_input
from edgeconv.data.npy import npy_reader
from edgeconv.data.source import Batch, DataSource
from edgeconv.data.table import MemoryReader, RowReader, TableSource
from edgeconv.errors import DataError

__all__ = ["IterableSource", "table_of"]


class IterableSource(DataSource):
    """Items, each an array or a dict of them: a sample (one rank less than the input), a batch, or a stack.

    `make` is called for every pass and gives the items anew. Raises DataError when there is none, or when one does
    not fit.
    """

    def __init__(self, name: str, make: Callable[[], Iterable[Any]], inputs: Mapping[str, TensorType]) -> None:
        self._make = make
        first = next(iter(make()), None)
        if first is None:
            raise DataError(f"{name}: no samples; give at least one (a generator is empty when it is read again)")
        has_labels = _item(f"{name}, item 0", first, inputs).has_labels
        super().__init__(name, inputs, None, has_labels)

    def pieces(self, size: int) -> Iterator[Batch]:
        """The batches of every item in turn."""
        for index, value in enumerate(self._make()):
            item = _item(f"{self.name}, item {index}", value, self.inputs)
            if item.has_labels != self.has_labels:
                raise DataError(f"{item.name}: labels {'found' if item.has_labels else 'missing'}, unlike in item 0; "
                                "label all items or none")  # fmt: skip
            yield from item.pieces(size)


def table_of(name: str, value: Any, inputs: Mapping[str, TensorType]) -> TableSource:
    """A dict name -> array, list or path of an `.npy`, or the array of the only input, as a source."""
    if not isinstance(value, Mapping):
        value = {single_input(name, inputs): value}
    return TableSource(name, {str(key): _column(name, str(key), array) for key, array in value.items()}, inputs)


def _item(name: str, value: Any, inputs: Mapping[str, TensorType]) -> TableSource:
    """One item: as a table, with the sample axis put in front where a single sample lacks it."""
    if not isinstance(value, Mapping):
        value = {single_input(name, inputs): value}
    arrays = {str(key): _array(name, str(key), array) for key, array in value.items()}
    lone = all(arrays[key].ndim == known.rank - 1 for key, known in inputs.items() if key in arrays)
    if lone and inputs:
        arrays = {key: array[None] if key in inputs or array.ndim == 0 else array for key, array in arrays.items()}
    return TableSource(name, {key: MemoryReader(name, array) for key, array in arrays.items()}, inputs)


def _column(name: str, key: str, value: Any) -> RowReader:
    if isinstance(value, str | PathLike):
        return npy_reader(Path(value))
    return MemoryReader(name, _array(name, key, value))


def _array(name: str, key: str, value: Any) -> Array:
    if isinstance(value, tuple) or value is None:
        raise DataError(f"{name}: {key!r} is a {type(value).__name__}; give arrays, or dicts such as "
                        f"{{{key!r}: x, {LABELS!r}: y}}")  # fmt: skip
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: {key!r} makes no array ({' '.join(str(error).split())}); give arrays of numbers, "
                        f"or dicts such as {{{key!r}: x, {LABELS!r}: y}}") from error  # fmt: skip
