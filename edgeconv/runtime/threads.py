"""Threads that work on parts of one layer at the same time; NumPy releases the interpreter lock while it computes.

The parts are the same whatever the number of threads, and so are the bytes that come out. Only one party splits a
product: with more than one thread here, OpenBLAS is told to use one of its own while the network runs.
"""

from __future__ import annotations

import os
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import numpy as np

from edgeconv.core import Kernel
from edgeconv.ops.jobs import nothing
from edgeconv.runtime.state import Settings

__all__ = ["Workers", "single_blas_thread"]


_PROBES = 8
_PROBE = (64, 64, 512)


class Workers:
    """`threads - 1` threads beside the caller's own; they end when this object is gone.

    `worthwhile`: multiply-accumulates of a product that takes so long here that threads gain more than waking costs.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._tasks: SimpleQueue[Kernel | None] = SimpleQueue()
        self._results: SimpleQueue[BaseException | None] = SimpleQueue()
        for _ in range(threads - 1):
            start_new_thread(_work, (self._tasks, self._results))
        self.worthwhile = self._measure()

    def _measure(self) -> int:
        """Waking takes w seconds, a product of m MACs t: with n threads, t (1 - 1 / n) is to be 2 w at least."""
        rows, inner, columns = _PROBE
        left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
        out = np.empty((rows, columns), np.float32)
        with single_blas_thread():
            product = _fastest(partial(np.matmul, left, right, out))
        waking = _fastest(self.parallel([nothing] * self.threads))
        return int(2 * waking / (1 - 1 / self.threads) * rows * inner * columns / product)

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        """A kernel that runs all `parts`, at the same time as far as there are threads."""
        others, own = parts[1:], parts[0]
        tasks, results = self._tasks, self._results

        def kernel() -> None:
            for part in others:
                tasks.put(part)
            try:
                own()
            finally:
                failures = [failure for failure in (results.get() for _ in others) if failure is not None]
            if failures:
                raise failures[0]

        return kernel

    def __del__(self) -> None:
        for _ in range(self.threads - 1):
            self._tasks.put(None)


def _fastest(job: Kernel) -> float:
    """Seconds of the fastest of a few runs."""
    found = float("inf")
    for _ in range(_PROBES):
        start = perf_counter()
        job()
        found = min(found, perf_counter() - start)
    return found


def _work(tasks: SimpleQueue[Kernel | None], results: SimpleQueue[BaseException | None]) -> None:
    with Settings():
        while (part := tasks.get()) is not None:
            try:
                part()
                results.put(None)
            except BaseException as error:  # whatever it is, it belongs to the thread that waits
                results.put(error)


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """OpenBLAS with one thread, where NumPy has one that can be told; the number before comes back at the end."""
    calls = _openblas()
    if calls is None:
        yield
        return
    get, set_to = calls
    before = get()
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
