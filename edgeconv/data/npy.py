"""`.npy` and `.npz` files, read row by row: memory does not grow with the number of rows.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Nothing is ever unpickled, and
nothing is allocated for a declared shape before the file is known to be long enough. An array in Fortran order has no
rows to stream: it is read at once.
"""

from __future__ import annotations

import ast
import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import CorruptDataError, DataError, UnsafeDataError

__all__ = ["PICKLE_ADVICE", "NpyReader", "npy_reader", "npz_readers", "reading"]

PICKLE_ADVICE = "pickles run code when read; save plain numbers with np.save(..., allow_pickle=False)"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, IndexError, struct.error)
"""What the standard library raises for a damaged .npz or .npy."""

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_PLAIN_DTYPE = re.compile(r"[<>|=]?[biufcOSUVMm]\d*(\[\w+\])?")
_OPENABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class NpyReader:
    """One array in a file. where: the file, for messages. shape, dtype: as its header says."""

    where: str
    opener: Opener
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    start: int
    is_fortran: bool

    def chunks(self, size: int) -> Iterator[Array]:
        """The rows in order, at most `size` at a time, each chunk [rows, ...]."""
        shape = self.shape or (1,)
        row_bytes = self.dtype.itemsize * math.prod(shape[1:])
        with reading(self.where), self.opener() as stream:
            _exactly(stream, self.start, self.where)
            if self.is_fortran:
                whole = np.frombuffer(_exactly(stream, row_bytes * shape[0], self.where), self.dtype)
                array = whole.reshape(shape, order="F")
                yield from (array[start : start + size] for start in range(0, shape[0], size))
                return
            for start in range(0, shape[0], size):
                rows = min(size, shape[0] - start)
                data = _exactly(stream, rows * row_bytes, self.where)
                yield np.frombuffer(data, self.dtype).reshape(rows, *shape[1:])

    def array(self) -> Array:
        """All of it."""
        rows = [np.empty((0, *self.shape[1:]), self.dtype), *self.chunks(1 << 62)]
        return np.concatenate(rows).reshape(self.shape)


def npy_reader(path: Path) -> NpyReader:
    """The array of an `.npy` file; its header is read and checked, its contents are not."""
    where = str(path)

    @contextmanager
    def opener() -> Iterator[IO[bytes]]:
        with path.open("rb") as stream:
            yield stream

    with reading(where):
        return _reader(where, opener, path.stat().st_size)


def npz_readers(path: Path | io.BytesIO, where: str = "") -> dict[str, NpyReader]:
    """The arrays of an `.npz` file (or its bytes, from `where`) by name, in its order; only headers are read."""
    where = where or str(path)
    with reading(where), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
    readers: dict[str, NpyReader] = {}
    for info in members:
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in readers:
            raise CorruptDataError(f"{where}: unexpected member {info.filename!r}; write the file with np.savez")
        if info.compress_type not in _OPENABLE:
            raise CorruptDataError(f"{where}: {name!r} is compressed in an unknown way; write it with np.savez")
        with reading(f"{where} ({name})"):
            readers[name] = _reader(f"{where} ({name})", _member_opener(path, info.filename), info.file_size)
    return readers


def _member_opener(path: Path | io.BytesIO, member: str) -> Opener:
    @contextmanager
    def opener() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield stream

    return opener


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns what the standard library raises for a missing or damaged file into DataError and CorruptDataError."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise DataError(f"{where}: cannot be read: {error.strerror}; give a file that is there and readable") from error
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CorruptDataError(f"{where}: damaged or truncated ({reason}); write it again") from error


def _reader(where: str, opener: Opener, nbytes: int) -> NpyReader:
    """The reader of a stream of `nbytes` bytes, its header checked against that length."""
    with opener() as stream:
        start, text = _header(stream, where)
    dtype, is_fortran, shape = _fields(text, where)
    if dtype.hasobject:
        raise UnsafeDataError(f"{where}: holds Python objects, stored as a pickle; {PICKLE_ADVICE}")
    expected = start + dtype.itemsize * math.prod(shape)
    if nbytes < expected:
        raise CorruptDataError(f"{where}: truncated: {nbytes} bytes, but its header needs {expected}; write it again")
    return NpyReader(where, opener, dtype, shape, start, is_fortran)


def _header(stream: IO[bytes], where: str) -> tuple[int, str]:
    """Length of everything before the data, and the header's text."""
    magic = stream.read(8)
    if magic[:1] == b"\x80":
        raise UnsafeDataError(f"{where}: is a pickle; {PICKLE_ADVICE}")
    if magic[:6] != _MAGIC or len(magic) != 8 or magic[6] not in (1, 2, 3):
        raise CorruptDataError(f"{where}: is no .npy file (it begins with {magic[:6]!r}); write it with np.save")
    layout = "<H" if magic[6] == 1 else "<I"
    field = _exactly(stream, struct.calcsize(layout), where)
    (length,) = struct.unpack(layout, field)
    if length > _MAX_HEADER:
        raise CorruptDataError(f"{where}: its header claims {length} bytes, at most {_MAX_HEADER} make sense")
    text = _exactly(stream, length, where).decode("utf8" if magic[6] == 3 else "latin1")
    return 8 + len(field) + length, text


def _fields(text: str, where: str) -> tuple[np.dtype[np.generic], bool, tuple[int, ...]]:
    """dtype, whether the order is Fortran's, shape."""
    damaged = CorruptDataError(f"{where}: its header is damaged; write it again with np.save")
    try:
        header = ast.literal_eval(text.strip())
        descr, is_fortran, shape = header["descr"], header["fortran_order"], header["shape"]
        if isinstance(descr, list):
            raise DataError(f"{where}: holds records with named fields; expected plain numbers: one array per input")
        if not _PLAIN_DTYPE.fullmatch(descr):
            raise damaged
        dtype = np.dtype(descr)
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise damaged from error
    if not isinstance(is_fortran, bool) or not isinstance(shape, tuple):
        raise damaged
    if not all(type(dim) is int and dim >= 0 for dim in shape):
        raise damaged
    return dtype, is_fortran, shape


def _exactly(stream: IO[bytes], count: int, where: str) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise CorruptDataError(f"{where}: truncated: {count - len(data)} bytes are missing; write it again")
    return data
