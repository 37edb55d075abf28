"""Threads over batches: NumPy releases the interpreter lock in its loops, and no result depends on the order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    `workers` says from the first item how many there shall be.
    """
    rest, running = iter(items), deque[tuple[_T, Callable[[_T], None], "Future[None]"]]()
    for first in rest:
        most = workers(first)
        with ThreadPoolExecutor(most) as pool:
            for item in chain([first], rest):
                worker = _finished(running, done) if len(running) == most else make_worker()
                running.append((item, worker, pool.submit(worker, item)))
            while running:
                _finished(running, done)


def _finished(
    running: deque[tuple[_T, Callable[[_T], None], Future[None]]], done: Callable[[_T], None]
) -> Callable[[_T], None]:
    """Wait for the oldest item, and return the worker that did it."""
    item, worker, future = running.popleft()
    future.result()
    done(item)
    return worker
