"""How a deployed file imports its modules: from one member of the archive, where all are compressed together.

Deflated one by one they take half as much again. This text becomes `edgeconv/__init__.py` in the file, which calls
`install`; in a folder modules are plain files, and it is not used.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

__all__ = ["MODULES", "Bundle", "install"]

MODULES = "modules.json"
"""Beside the package's `__init__.py`: path ("edgeconv/ops/conv.py") -> source."""


class Bundle:
    """Finds and loads the modules of the package whose `__init__.py` is at `path` and came from `archive`, a loader."""

    def __init__(self, archive: Any, path: str) -> None:
        folder = os.path.dirname(path)
        self._archive, self._root = archive, os.path.abspath(os.path.dirname(folder))
        self._sources: dict[str, str] = json.loads(archive.get_data(os.path.join(folder, MODULES)))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question; None for modules of others."""
        place = self._place(name)
        if place is None:
            return None
        file = os.path.join(self._root, place)
        inside = [os.path.dirname(file)] if place.endswith("__init__.py") else None
        return spec_from_file_location(name, file, loader=self, submodule_search_locations=inside)  # type: ignore[arg-type]  # a loader by its methods

    def create_module(self, spec: ModuleSpec) -> None:
        """Modules are ordinary ones."""

    def exec_module(self, module: ModuleType) -> None:
        """Compile the source and run it."""
        source = self.get_source(module.__name__)
        exec(compile(source, module.__file__ or module.__name__, "exec", dont_inherit=True), vars(module))

    def get_source(self, name: str) -> str:
        """For tracebacks, too; ImportError for modules of others."""
        place = self._place(name)
        if place is None:
            raise ImportError(f"no module {name} in this file", name=name)
        return self._sources[place]

    def get_data(self, path: str) -> bytes:
        """Any member of the archive, which knows itself by the name that `sys.path` has, members by theirs."""
        found: bytes = self._archive.get_data(os.path.relpath(path, self._root))
        return found

    def _place(self, name: str) -> str | None:
        stem = name.replace(".", "/")
        return next((place for place in (f"{stem}.py", f"{stem}/__init__.py") if place in self._sources), None)


def install(archive: Any, path: str) -> None:
    """Import the package's modules from its bundle from now on, before any that are installed elsewhere."""
    sys.meta_path.insert(0, Bundle(archive, path))
