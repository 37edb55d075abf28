"""The OpenBLAS of this process, where NumPy has one, and the number of its threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["single_blas_thread"]


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """OpenBLAS with one thread, where NumPy has one that can be told; the number before comes back at the end."""
    calls = _openblas()
    before = 1 if calls is None else calls[0]()
    if calls is None or before == 1:
        yield
        return
    _, set_to = calls
    set_to(1)
    try:
        yield
    finally:
        set_to(before)


_found: list[tuple[Callable[[], int], Callable[[int], Any]] | None] = []


def _openblas() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """(get, set) of the number of threads of the OpenBLAS in this process, looked for once."""
    if not _found:
        _found.append(next((calls for path in _libraries() if (calls := _calls_of(path)) is not None), None))
    return _found[0]


def _libraries() -> list[str]:
    """Files of this process with BLAS in their name (Linux), and of NumPy's wheel elsewhere."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "blas" in line}
    except OSError:
        package = os.path.dirname(np.__file__)
        folders = (os.path.join(package, ".dylibs"), os.path.join(os.path.dirname(package), "numpy.libs"))
        paths = {os.path.join(each, name) for each in folders if os.path.isdir(each) for name in os.listdir(each)}
    return sorted(path for path in paths if "openblas" in os.path.basename(path))


def _calls_of(path: str) -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    import ctypes

    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("64_", "_64", ""):
            try:
                return (
                    getattr(library, f"{prefix}_get_num_threads{suffix}"),
                    getattr(library, f"{prefix}_set_num_threads{suffix}"),
                )
            except AttributeError:
                continue
    return None
