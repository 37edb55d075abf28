"""Floor 0: writing files and folders at once or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO

from edgeconv.errors import EdgeconvError, UsageError

_REPLACE = "to replace it, pass --force (overwrite=True in Python)"

__all__ = ["check_folder", "check_target", "replacing", "replacing_folder"]


def check_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise what writing `path` would raise, before long work: UsageError where it exists and may not be replaced or
    is a folder, EdgeconvError where its folder cannot be written. Leaves nothing behind.
    """
    target = os.fspath(path)
    if os.path.isdir(target):
        raise UsageError(f"{target} is a folder; name a file in it")
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"{target} exists already; {_REPLACE}")
    with _naming(target):
        _try_beside(target)


def check_folder(path: str | os.PathLike[str]) -> None:
    """EdgeconvError where no file could be made in the folder `path`, or the folder itself could not be made."""
    target = os.path.abspath(path)
    with _naming(os.fspath(path)):
        while not os.path.lexists(target):
            target = os.path.dirname(target)
        _try_beside(os.path.join(target, "edgeconv"))


def _try_beside(target: str) -> None:
    handle, temporary = _create_beside(target)
    os.close(handle)
    os.unlink(temporary)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, executable: bool = False) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block is left without an exception; nothing is left otherwise.

    Raises EdgeconvError where it cannot be written.
    """
    target = os.fspath(path)
    with _naming(target), _temporary(target, executable) as file:
        yield file


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[str]:
    """An empty folder that takes the place of `path` when the block is left without an exception.

    Raises UsageError where `path` is there and may not be replaced or is no folder, EdgeconvError where it cannot be
    written.
    """
    target = os.path.abspath(path)
    if os.path.lexists(target) and not (overwrite and os.path.isdir(target) and not os.path.islink(target)):
        way = _REPLACE if os.path.isdir(target) else "name a folder"
        raise UsageError(f"{os.fspath(path)} exists already; {way}")
    with _naming(os.fspath(path)):
        made = tempfile.mkdtemp(prefix=f".{os.path.basename(target)}.", suffix=".tmp", dir=os.path.dirname(target))
        fresh = os.path.join(made, "new")
        try:
            os.mkdir(fresh)
            yield fresh
            if os.path.lexists(target):
                os.rename(target, os.path.join(made, "old"))
            os.rename(fresh, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _naming(target: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EdgeconvError(f"cannot write {target}: {error.strerror or error}") from error


@contextlib.contextmanager
def _temporary(target: str, executable: bool) -> Iterator[IO[bytes]]:
    """A temporary file beside `target`, flushed to disk and renamed at the end; removed if anything goes wrong."""
    handle, temporary = _create_beside(target)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target, executable))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _create_beside(target: str) -> tuple[int, str]:
    folder, name = os.path.split(os.path.abspath(target))
    return tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)


def _mode(target: str, executable: bool) -> int:
    """Permissions of the file that is replaced, or those that any new file gets; whoever may read may execute."""
    try:
        mode = os.stat(target).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    return mode | (mode & 0o444) >> 2 if executable else mode
