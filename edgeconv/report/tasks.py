"""Tasks for the workers of an executor, given out again where a worker was lost with them.

A pool of threads or processes loses none; a cluster may, and its client then may report a task as failed that was not
(distributed does, where a result is lost while it is being fetched). Tasks have no side effects, so that doing one
twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from functools import partial
from typing import Any, Generic, TypeVar

from edgeconv.errors import EdgeconvError

__all__ = ["Task", "as_they_come", "in_order"]

_R = TypeVar("_R")
_T = TypeVar("_T")
_RETRIES = 3


class Task(Generic[_R]):
    """`function(*arguments)`, computed in a worker of `executor`."""

    def __init__(self, executor: Executor, function: Callable[..., _R], *arguments: Any) -> None:
        self._submit: Callable[[], Future[_R]] = partial(executor.submit, function, *arguments)
        self._left = _RETRIES
        self.future: Future[_R] = self._submit()

    def result(self) -> _R:
        """Waits for it. What the task itself says is wrong (EdgeconvError) is raised at once, and a pool that broke."""
        while True:
            try:
                return self.future.result()
            except (EdgeconvError, BrokenExecutor):
                raise
            except Exception:
                if not self._left:
                    raise
                self._left -= 1
                self.future = self._submit()


def in_order(executor: Executor, function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """`function` of every item."""
    return [task.result() for task in [Task(executor, function, item) for item in items]]


def as_they_come(executor: Executor, function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """`function` of every item, whichever is done first."""
    running = {task.future: task for task in [Task(executor, function, item) for item in items]}
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future).result()
