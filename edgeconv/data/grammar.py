"""The DATA grammar: one function that opens whatever a user calls samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, Union

from edgeconv.core import Array, TensorType
from edgeconv.data.checks import check_names
from edgeconv.data.draw import RandomSource, parse_random
from edgeconv.data.folder import open_file, open_folder
from edgeconv.data.iterables import IterableSource, table_of
from edgeconv.data.preprocessing import Preprocessing, resolve
from edgeconv.data.source import DataSource
from edgeconv.errors import DataError, UsageError

__all__ = ["Data", "open_data", "open_prepared"]

_Item: TypeAlias = Union[Array, Mapping[str, Any]]
Data: TypeAlias = Union[str, PathLike[str], _Item, Iterable[_Item], Callable[[], Iterable[_Item]], DataSource]
"""What `open_data` takes."""


def open_data(source: Data, inputs: Mapping[str, TensorType], preprocessing: Preprocessing | None = None) -> DataSource:
    """The samples in `source`, checked against the model's `inputs` (name -> type, dimensions may be symbolic).

    source:
      "x.npz"            one array per input by name, samples on axis 0, and perhaps integer `labels`
      "x.npy"            the array of the only input
      "x.png"            an image, one sample for the only input
      a folder           of .npz and .npy, or of images, or of sub-folders of images, one per class
      "random:N[:SEED]"  N random samples
      a dict             name -> array (or path of an .npy), and perhaps "labels"
      an array           of the only input
      an iterable        of arrays or dicts, each a sample or a batch; what can be read only once (a generator) is kept
                         in memory, so pass a function that returns a generator to stream
      a function         without arguments that returns such an iterable
      a DataSource       as it is
    preprocessing: used for images only (`uses_preprocessing` tells).

    An array of the input's own rank is a batch along axis 0; one rank more is a stack of whole inputs.
    Files are streamed. Raises DataError, CorruptDataError or UnsafeDataError (exit code 4), or UsageError for
    preprocessing that does not fit.
    """
    if isinstance(source, DataSource):
        check_names(source.name, list(source.inputs), inputs)
        return source
    if isinstance(source, str | PathLike):
        return _open_text(source, inputs, preprocessing or Preprocessing())
    if isinstance(source, Mapping) or (hasattr(source, "__array__") and not isinstance(source, type)):
        return table_of("the samples", source, inputs)
    return _open_items(source, inputs)


def open_prepared(
    source: Data,
    inputs: Mapping[str, TensorType],
    given: Preprocessing | Mapping[str, Any] | None,
    metadata: Mapping[str, str],
) -> DataSource:
    """`open_data` for a file of `metadata`: images are prepared as that says, but for what is `given` (see `resolve`).

    Raises UsageError as well for preprocessing given with samples that are no images: nothing would come of it.
    """
    found = open_data(source, inputs, resolve(given, metadata))
    if given and given != Preprocessing() and not (found.uses_preprocessing or found.is_random):
        options = " ".join(resolve(given, {}).options())
        raise UsageError(f"{options} is for images, but {found.name} holds arrays, which are fed as they are; leave it "
                         "out, or prepare the arrays where they are made")  # fmt: skip
    return found


def _open_text(source: str | PathLike[str], inputs: Mapping[str, TensorType], options: Preprocessing) -> DataSource:
    if isinstance(source, str) and source.startswith("random:"):
        return RandomSource(*parse_random(source), inputs)
    if not os.fspath(source):
        raise DataError("'' names no samples; give an .npz, an .npy, a folder, or random:N")
    path = Path(source)
    if path.is_dir():
        return open_folder(path, inputs, options)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; expected an .npz, an .npy, a folder, or random:N")
    return open_file(path, inputs, options)


def _open_items(source: Any, inputs: Mapping[str, TensorType]) -> DataSource:
    if callable(source):
        return IterableSource("the samples", source, inputs)
    if not isinstance(source, Iterable):
        raise DataError(f"the samples are a {type(source).__name__}; give a path, an array, a dict, or an iterable of "
                        "arrays or dicts")  # fmt: skip
    items: Iterable[Any] = list(source) if isinstance(source, Iterator) else source
    return IterableSource("the samples", lambda: items, inputs)
