"""Threads that work on parts of one layer at the same time; NumPy releases the interpreter lock while it computes.

The bytes that come out are the same whatever the number of threads. Only one party splits a product: with more than
one thread here, OpenBLAS is told to use one of its own while the network runs.
"""

from __future__ import annotations

import os
from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from edgeconv.core import Kernel
from edgeconv.ops.jobs import chain, nothing
from edgeconv.runtime.state import Settings

__all__ = ["Workers", "single_blas_thread"]


_PROBES = 200
_PROBE = (64, 64, 512)
_CALLS = 6
"""NumPy calls of a part of a layer."""
_PAUSE = 1e-5
"""Seconds between two looks at whether there is work; the interpreter lock is free meanwhile."""
_PATIENCE = 1e-3
"""Seconds that a thread stays awake without work: to be woken costs more than most parts of a layer."""
_CREDIT = 2e-4
"""Seconds that sharing may lose, and that its gains count for at most."""
_ALONE = 400
"""Layers that the caller does alone, before it tries again whether there is a core for the others."""


class Workers:
    """`threads - 1` threads beside the caller's own; they end when this object is gone.

    `worthwhile`: multiply-accumulates of a product that takes so long here that threads gain more than sharing costs.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        wait = _Wait(threads <= _cores())
        self._others = [_Worker(wait) for _ in range(threads - 1)]
        self._credit, self._alone = _CREDIT, 0
        self.worthwhile = self._measure()

    def _measure(self) -> int:
        """Sharing costs w seconds, a product of m MACs takes t: with n threads, t (1 - 1 / n) is to be 4 w at least.

        w: what a few short calls take more when every thread makes them than when one does.
        """
        rows, inner, columns = _PROBE
        left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
        out = np.empty((rows, columns), np.float32)
        short = [chain([partial(np.negative, line, line)] * _CALLS) for line in out[: self.threads]]
        with single_blas_thread():
            product = _typical(partial(np.matmul, left, right, out))
        sharing = _typical(partial(self._share, short[0], self._given(short))) - _typical(short[0])
        return int(4 * sharing / (1 - 1 / self.threads) * rows * inner * columns / product)

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        """A kernel that runs all `parts` (as many as threads, at most) at the same time, or one after the other.

        The cores that were there when this was measured may be busy with something else by now.
        """
        own, given, one_by_one = parts[0], self._given(parts), chain(parts)

        def kernel() -> None:
            if self._alone:
                self._alone -= 1
                one_by_one()
                return
            gain = self._share(own, given)
            self._credit = min(self._credit + gain, _CREDIT)
            if self._credit < 0:
                self._credit, self._alone = _CREDIT, _ALONE

        return kernel

    def _given(self, parts: Sequence[Kernel]) -> list[tuple[_Worker, Kernel]]:
        """What the other threads do."""
        return list(zip(self._others, parts[1:], strict=False))

    def _share(self, own: Kernel, given: Sequence[tuple[_Worker, Kernel]]) -> float:
        """Run everything at the same time; the seconds that this saved, if all parts are as long as the own one."""
        begin = perf_counter()
        for worker, part in given:
            worker.start(part)
        try:
            own()
        finally:
            done = perf_counter()
            failures = [failure for failure in [worker.finish() for worker, _ in given] if failure is not None]
        if failures:
            raise failures[0]
        return len(given) * (done - begin) - (perf_counter() - done)

    def __del__(self) -> None:
        for worker in self._others:
            worker.start(None)


class _Worker:
    """One thread. Its locks are signals: who waits for one acquires it, who gives it releases it."""

    def __init__(self, wait: _Wait) -> None:
        self._wait, self._is_busy = wait, False
        self._task = _Task()
        start_new_thread(self._task.serve, (wait,))

    def start(self, part: Kernel | None) -> None:
        """Let the thread run `part`; with None it ends."""
        if self._is_busy:  # the caller was interrupted while it waited
            self.finish()
        self._is_busy, self._task.part = True, part
        self._task.given.release()

    def finish(self) -> BaseException | None:
        """Wait until the part has run; what it failed with."""
        self._wait(self._task.done)
        self._is_busy = False
        return self._task.failure


class _Task:
    """What a thread and its employer share."""

    def __init__(self) -> None:
        self.part: Kernel | None = None
        self.failure: BaseException | None = None
        self.given, self.done = allocate_lock(), allocate_lock()
        self.given.acquire()
        self.done.acquire()

    def serve(self, wait: _Wait) -> None:
        """Run one part after another, until there is None."""
        with Settings():
            wait(self.given)
            while (part := self.part) is not None:
                self.failure = None
                try:
                    part()
                except BaseException as error:  # whatever it is, it belongs to the thread that waits
                    self.failure = error
                self.done.release()
                wait(self.given)


class _Wait:
    """Acquires locks: awake for a while where every thread has a core (`is_awake`), then asleep.

    A thread that looks all the time would keep the interpreter lock from the others, so between two looks it computes
    something that nobody needs, for which NumPy releases that lock.
    """

    def __init__(self, is_awake: bool) -> None:
        self._patience = _PATIENCE if is_awake else 0.0
        probe = np.ones(1 << 14, np.float32)
        each = _typical(partial(np.sqrt, probe, probe)) / probe.size
        self._idle = np.ones(max(512, int(_PAUSE / each)), np.float32)

    def __call__(self, lock: LockType) -> None:
        idle, end = self._idle, perf_counter() + self._patience
        while not lock.acquire(False):
            if perf_counter() > end:
                lock.acquire()
                return
            _give_way()
            np.sqrt(idle, idle)


_give_way: Callable[[], None] = getattr(os, "sched_yield", nothing)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _typical(job: Callable[[], object]) -> float:
    """Seconds that a run takes when nobody disturbs it, as a tenth of the runs do."""
    found = []
    for _ in range(_PROBES):
        start = perf_counter()
        job()
        found.append(perf_counter() - start)
    return sorted(found)[_PROBES // 10]


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
