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

ARCHIVE = "archived.txt"
"""Beside `edgeconv/__init__.py`. Before each source stand a form feed and its place as a line."""

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(edgeconv.__file__)))


def find_spec(name: str) -> ModuleSpec | None:
    """The import system's question about "edgeconv.passes.match"; None for what the archive does not have."""
    source = sources().get(name.replace(".", "/") + ".py")
    if source is None:
        return None
    path = os.path.join(_ROOT, *name.split(".")) + ".py"
    return spec_from_file_location(name, path, loader=_Loader(name, path, source.encode()))


@cache
def sources() -> dict[str, str]:
    """Path -> source of all that is archived; nothing where there is no archive."""
    try:
        text = (get_data("edgeconv", ARCHIVE) or b"").decode()
    except FileNotFoundError:
        return {}
    found = (part.partition("\n") for part in text.split("\f")[1:])
    return {place: source for place, _, source in found}


class _Loader(SourceFileLoader):
    """Loads a module whose file is in the archive. A checksum stands for the time at which that was changed."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, path: str) -> bytes:
        """The source, or what a file holds: cached bytecode."""
        return self._source if path == self.path else super().get_data(path)

    def path_stats(self, path: str) -> dict[str, int]:
        """By what cached bytecode is known to be of this source."""
        return {"mtime": crc32(self._source), "size": len(self._source)}
