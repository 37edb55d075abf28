"""How an installed edgeconv imports its converter's own modules: from `archived.txt`, their sources in a row.

A wheel compresses each of its files by itself and lists it three times; as one, these modules take two thirds. What
stays plain files: the runtime, all packages, and every module that users are shown. The build (`setup.py`) makes the
archive, and puts into the wheel's `edgeconv/__init__.py` a finder that stands last: it asks `find_spec` here for what
no file answers. A checkout, an editable install and a deployed file have plain files, and none of this.

To whoever looks, a module is the file that it would have been: `__file__` says so, bytecode is cached beside it in
`__pycache__`, and tracebacks, `inspect.getsource` and debuggers get its source from the loader.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pkgutil import get_data
from zlib import crc32

import edgeconv

__all__ = ["ARCHIVE", "find_spec", "sources"]

_FIRST = 128
"""The character that stands for the first word."""

ARCHIVE = "archived.txt"
"""Beside `edgeconv/__init__.py`, in Latin-1. First the words that characters from 128 on stand for, as Python escapes
them; then, before each source, a form feed and its place as a line."""

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(edgeconv.__file__)))


def find_spec(name: str) -> ModuleSpec | None:
    """The import system's question about "edgeconv.passes.match"; None for what the archive does not have."""
    packed = _archive().sources.get(name.replace(".", "/") + ".py")
    if packed is None:
        return None
    path = os.path.join(_ROOT, *name.split(".")) + ".py"
    return spec_from_file_location(name, path, loader=_Loader(name, path, packed))


def sources() -> dict[str, str]:
    """Path -> source of all that is archived; nothing where there is no archive."""
    archive = _archive()
    return {place: archive.text(packed) for place, packed in archive.sources.items()}


class _Archive:
    """`sources`: path -> packed source."""

    def __init__(self, data: bytes) -> None:
        first, *parts = data.split(b"\f")
        self.seed = crc32(first)
        self._words = dict(enumerate(first.decode("unicode_escape").split(" "), _FIRST))
        found = (part.partition(b"\n") for part in parts)
        self.sources = {self.text(place): packed for place, _, packed in found}

    def text(self, packed: bytes) -> str:
        """Unpacked, with all words."""
        return packed.decode("latin-1").translate(self._words)


@cache
def _archive() -> _Archive:
    try:
        return _Archive(get_data("edgeconv", ARCHIVE) or b"")
    except FileNotFoundError:
        return _Archive(b"")


class _Loader(SourceFileLoader):
    """Loads a module whose file is in the archive. A checksum stands for the time at which that was changed."""

    def __init__(self, name: str, path: str, packed: bytes) -> None:
        super().__init__(name, path)
        self._packed = packed

    def get_data(self, path: str) -> bytes:
        """The source, or what a file holds: cached bytecode."""
        return _archive().text(self._packed).encode() if path == self.path else super().get_data(path)

    def path_stats(self, path: str) -> dict[str, int | None]:
        """By what cached bytecode is known to be of this source; its size would have to be that of the text."""
        return {"mtime": crc32(self._packed, _archive().seed), "size": None}
