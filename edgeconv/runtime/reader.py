"""The reader: bytes that nobody vouches for -> a Program that the interpreter may trust.

`read_program` returns a valid program or raises InvalidModelError: it never crashes, hangs, or allocates what a file
merely declares. Files are mapped, and constants stay views of them.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from edgeconv.errors import InvalidModelError, UsageError
from edgeconv.runtime.container import open_container
from edgeconv.runtime.program import Program
from edgeconv.runtime.programs import decode_program

__all__ = ["Source", "naming", "open_source", "read_program"]

Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""A path, or the bytes of a file."""


def read_program(source: Source) -> Program:
    """The program in a `.edge` file.

    source: path (mapped, so the file must not be changed in place while the program is in use) or the bytes.
    Constants are read-only views without a copy. The structure digest is checked, the digests of the weights are not:
    that takes `verify_file`. Raises InvalidModelError for anything but a sound file, UsageError for a path that
    cannot be read.
    """
    with naming(source):
        return decode_program(open_container(open_source(source)))


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """Puts the path in front of what is wrong with the file."""
    try:
        yield
    except InvalidModelError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise InvalidModelError(f"{os.fspath(source)}: {error}") from error


def open_source(source: Source) -> memoryview:
    """The bytes of `source`, read-only; a path is mapped."""
    if isinstance(source, (str, os.PathLike)):
        return _map(source)
    view = memoryview(source).toreadonly()
    if not view.nbytes:
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _map(path: str | os.PathLike[str]) -> memoryview:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise InvalidModelError("the file is empty; copy or convert the model again")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {os.fspath(path)}: {getattr(error, 'strerror', None) or error}") from error
