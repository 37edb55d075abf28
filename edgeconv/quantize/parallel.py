"""Threads over batches: NumPy releases the interpreter lock in its loops, and no result depends on the order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import TypeVar

__all__ = ["each", "stream", "worker_count"]

_T = TypeVar("_T")
_R = TypeVar("_R")
_MOST = 4
_WORTHWHILE = 1 << 23


def worker_count(nbytes: int) -> int:
    """Threads to use on batches whose activations take `nbytes`: the cores this process may run on, at most four.

    One for small ones: on short arrays threads wait for the interpreter lock more than they gain.
    """
    if nbytes < _WORTHWHILE:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST)


def each(function: Callable[[_T], _R], items: Sequence[_T], workers: int) -> list[_R]:
    """`function` of every item, in order, computed in threads."""
    if len(items) < 2 or workers < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        return list(pool.map(function, items))


def stream(
    make_worker: Callable[[], Callable[[_T], None]],
    items: Iterable[_T],
    done: Callable[[_T], None],
    workers: Callable[[_T], int],
) -> None:
    """Give every item to one of a few workers, each of which is used by one thread at a time.

    Items are taken from the iterator as workers become free, so memory stays flat; `done` is called in this thread.
    `workers` says from the first item how many there shall be; a single one works in this thread.
    """
    rest = iter(items)
    for first in rest:
        everything = chain([first], rest)
        most = workers(first)
        if most > 1:
            _stream_in_threads(make_worker, everything, done, most)
            return
        worker = make_worker()
        for item in everything:
            worker(item)
            done(item)


def _stream_in_threads(
    make_worker: Callable[[], Callable[[_T], None]], items: Iterable[_T], done: Callable[[_T], None], most: int
) -> None:
    with ThreadPoolExecutor(most) as pool:
        idle: list[Callable[[_T], None]] = []
        running: dict[Future[None], tuple[Callable[[_T], None], _T]] = {}

        def settle() -> None:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                worker, item = running.pop(future)
                future.result()
                idle.append(worker)
                done(item)

        for item in items:
            if len(running) >= most:
                settle()
            worker = idle.pop() if idle else make_worker()
            running[pool.submit(worker, item)] = (worker, item)
        while running:
            settle()
