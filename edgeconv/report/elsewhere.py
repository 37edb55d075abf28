"""Batches run in the workers of an executor: threads, processes, a cluster. This process reads the samples and keeps
the sums, so what comes out is the same to the bit, whoever computes.

A worker needs no file and no path: it gets the program once for as long as it keeps it, and some samples.
"""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from edgeconv.core import Array
from edgeconv.data import Batch
from edgeconv.report.feeding import run_batch
from edgeconv.report.tasks import Task
from edgeconv.runtime import Interpreter

__all__ = ["run_models"]

_AHEAD, _AHEAD_BYTES = 16, 1 << 27
"""Batches on their way at most, and what their inputs may take together (two batches may take more)."""
_KEPT = 4
"""Programs that a thread of a worker keeps open."""

Sealed = tuple[str, bytes]
"""A program, pickled, and its sha256."""
_Waiting = deque[tuple[Batch, Task[list[list[Array]]]]]


def run_models(
    models: Sequence[Interpreter], batches: Iterable[Batch], executor: Executor | None = None
) -> Iterator[tuple[Batch, list[list[Array]]]]:
    """Every batch with the outputs of each model, in order.

    Without an executor, and where a model has a state that goes from batch to batch, they are computed here.
    """
    if executor is None or any(model.program.states for model in models):
        for batch in batches:
            yield batch, [run_batch(model, batch) for model in models]
        return
    programs = [_sealed(model) for model in models]
    waiting: _Waiting = deque()
    for batch in batches:
        waiting.append((batch, Task(executor, _run, programs, replace(batch, labels=None))))
        while len(waiting) >= _AHEAD or (len(waiting) > 2 and _bytes(waiting) > _AHEAD_BYTES):
            yield _first(waiting)
    while waiting:
        yield _first(waiting)


def _first(waiting: _Waiting) -> tuple[Batch, list[list[Array]]]:
    batch, task = waiting.popleft()
    return batch, task.result()


def _bytes(waiting: _Waiting) -> int:
    return sum(array.nbytes for batch, _ in waiting for array in batch.inputs.values())


def _sealed(model: Interpreter) -> Sealed:
    content = pickle.dumps(model.program, protocol=5)
    return hashlib.sha256(content).hexdigest(), content


class _Worker(threading.local):
    """The interpreters of one thread: none serves two at the same time."""

    def __init__(self) -> None:
        self.opened: dict[str, Interpreter] = {}

    def interpreter(self, sealed: Sealed) -> Interpreter:
        key, content = sealed
        found = self.opened.pop(key, None) or Interpreter(pickle.loads(content))
        self.opened[key] = found
        while len(self.opened) > _KEPT:
            del self.opened[next(iter(self.opened))]
        return found


_worker = _Worker()


def _run(programs: Sequence[Sealed], batch: Batch) -> list[list[Array]]:
    """In a worker."""
    return [run_batch(_worker.interpreter(sealed), batch) for sealed in programs]
