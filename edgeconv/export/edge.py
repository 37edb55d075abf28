"""Program -> `.edge` file. The only importer of `flatbuffers`; the reader is `edgeconv.runtime.reader`.

Same program in, same bytes out. Structure comes first in the file, then the buffers: a mapped file touches few pages
until weights are needed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from edgeconv.errors import EdgeconvError, InternalError, InvalidModelError, UsageError
from edgeconv.export.tables import build_file
from edgeconv.runtime.program import Program
from edgeconv.runtime.reader import read_program

__all__ = ["save", "to_bytes"]


def to_bytes(program: Program) -> bytes:
    """The bytes of the `.edge` file that holds `program`.

    Raises InternalError for a program that breaks its own laws (a scale that is not float32, an attribute of the wrong
    type), EdgeconvError where the file would exceed 2 GiB or `flatbuffers` is not installed.
    """
    return bytes(build_file(program, _flatbuffers()))


def save(program: Program, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
    """Write `program` to `path` at once or not at all; returns the size of the file in bytes.

    The bytes go to a temporary file in the same folder, which takes the place of `path` when it is complete, so a
    failure or Ctrl-C leaves nothing behind. Raises UsageError where `path` exists and `overwrite` is False,
    EdgeconvError where the folder cannot be written, and whatever `to_bytes` raises.
    """
    target = os.fspath(path)
    if os.path.isdir(target):
        raise UsageError(f"{target} is a folder; name a file in it")
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} exists already; pass --force to replace it")
    data = build_file(program, _flatbuffers())
    try:
        read_program(data)
    except InvalidModelError as error:
        raise InternalError(f"edgeconv's reader refuses what its writer made, please report it: {error}") from error
    try:
        with _replacing(target) as file:
            file.write(data)
    except OSError as error:
        raise EdgeconvError(f"cannot write {target}: {error.strerror or error}") from error
    return len(data)


@contextlib.contextmanager
def _replacing(target: str) -> Iterator[Any]:
    """A temporary file beside `target`, flushed to disk and renamed at the end; removed if anything goes wrong."""
    folder = os.path.dirname(os.path.abspath(target))
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(target)}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(target: str) -> int:
    """Permissions of the file that is replaced, or those that any new file gets."""
    with contextlib.suppress(OSError):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _flatbuffers() -> Any:
    try:
        import flatbuffers
    except ImportError as error:
        raise EdgeconvError('writing .edge files needs flatbuffers: pip install "edgeconv[convert]"') from error
    return flatbuffers
