"""Threads that work on parts of one layer at the same time; NumPy releases the interpreter lock while it computes.

The bytes that come out are the same whatever the number of threads. Only one party splits a product: with more than
one thread here, OpenBLAS is told to use one of its own while the network runs.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Sequence
from functools import partial
from time import perf_counter

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.runtime.arena import aligned_block
from edgeconv.runtime.sharing import PATIENCE, Other, Party, Sharing, cores, give_way, typical, worthwhile
from edgeconv.runtime.state import Settings

__all__ = ["Threads"]


_PAUSE = 1e-5
"""Seconds between two looks at whether there is work; the interpreter lock is free meanwhile."""


class Threads(Sharing):
    """`threads - 1` threads beside the caller's own; they end when this object is gone."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        wait = _Wait(threads <= cores())
        self._others = [_Worker(wait) for _ in range(threads - 1)]
        self.worthwhile = worthwhile(self)

    def for_plan(self) -> Threads:
        """These threads work on every plan."""
        return self

    @property
    def later(self) -> Threads:
        """Who works on what is planned while a network runs."""
        return self

    def block(self, nbytes: int) -> Array:
        """Threads see all memory."""
        return aligned_block(nbytes)

    def given(self, parts: Sequence[Kernel]) -> list[Other]:
        """The threads."""
        return [
            (partial(worker.start, part), worker.finish) for worker, part in zip(self._others, parts[1:], strict=False)
        ]

    def __del__(self) -> None:
        for worker in self._others:
            worker.start(None)


class _Worker(Party["Kernel | None"]):
    """One thread. Its locks are signals: who waits for one acquires it, who gives it releases it."""

    def __init__(self, wait: _Wait) -> None:
        self._wait, self._task = wait, _Task()
        start_new_thread(self._task.serve, (wait,))

    def begin(self, work: Kernel | None) -> None:
        """Let the thread run a part; with None it ends."""
        self._task.part = work
        self._task.given.release()

    def end(self) -> BaseException | None:
        """Wait until the part has run; what it failed with."""
        self._wait(self._task.done)
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
        self._patience = PATIENCE if is_awake else 0.0
        probe = np.ones(1 << 14, np.float32)
        each = typical(partial(np.sqrt, probe, probe)) / probe.size
        self._idle = np.ones(max(512, int(_PAUSE / each)), np.float32)

    def __call__(self, lock: LockType) -> None:
        idle, end = self._idle, perf_counter() + self._patience
        while not lock.acquire(False):
            if perf_counter() > end:
                lock.acquire()
                return
            give_way()
            np.sqrt(idle, idle)
