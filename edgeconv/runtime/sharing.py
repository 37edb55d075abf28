"""Layers whose parts several parties compute at the same time: what they have in common, threads or processes."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from time import perf_counter
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.jobs import chain, nothing
from edgeconv.runtime.blas import single_blas_thread

__all__ = ["PATIENCE", "Balance", "Other", "Party", "Sharing", "cores", "give_way", "typical", "worthwhile"]

Work = TypeVar("Work")

Other: TypeAlias = "tuple[Callable[[], None], Callable[[], BaseException | None]]"
"""What lets another party begin with its part, and what waits for its end and tells what it failed with."""

PATIENCE = 1e-3
"""Seconds that a party stays awake without work: to be woken costs more than most parts of a layer."""
_PROBES = 200
_PROBE = (64, 64, 512)
_CALLS = 6
"""NumPy calls of a part of a layer."""
_GAIN = 8
"""Times what sharing costs: what it is to gain. Who sleeps, or whose core is away, costs more than was measured."""
_CREDIT = 8e-3
"""Seconds that sharing may lose before the caller works alone: two turns of a scheduler."""
_REST = 30
"""Times what the last loss was, for which the caller then does without the others."""

give_way: Callable[[], None] = getattr(os, "sched_yield", nothing)
"""Let others have this core who wait for it."""


class Balance:
    """What sharing gained lately; where it loses, because other programs have the cores, it is left for a while."""

    def __init__(self) -> None:
        self._credit, self._until = _CREDIT, 0.0

    def add(self, gain: float) -> None:
        """Sharing a layer saved `gain` seconds."""
        self._credit = min(self._credit + gain, _CREDIT)
        if self._credit < 0:
            self._credit, self._until = 0.0, perf_counter() - _REST * gain

    def stop(self) -> None:
        """Nothing is shared any more."""
        self._until = inf

    @property
    def is_stopped(self) -> bool:
        """True where nothing is shared any more."""
        return self._until == inf

    @property
    def rests(self) -> bool:
        """True while the caller had better work alone."""
        return self._until > 0 and perf_counter() < self._until


class Party(ABC, Generic[Work]):
    """Another party, as the caller sees it. A part that an interrupted caller left is over before the next begins."""

    _is_busy = False

    def start(self, work: Work) -> None:
        """Let the party begin with its part."""
        if self._is_busy:
            self.finish()
        self._is_busy = True
        self.begin(work)

    def finish(self) -> BaseException | None:
        """Wait until the part has been computed; what it failed with."""
        failure = self.end()
        self._is_busy = False
        return failure

    @abstractmethod
    def begin(self, work: Work) -> None:
        """Give the party its part."""

    @abstractmethod
    def end(self) -> BaseException | None:
        """Wait for the part, which was begun; what it failed with."""


class Sharing(ABC):
    """The parties of one plan, `threads` with the caller.

    `worthwhile`: multiply-accumulates of a product that takes so long here that sharing gains more than it costs.
    """

    def __init__(self, threads: int, worthwhile: int = 0) -> None:
        self.threads, self.worthwhile, self._balance = threads, worthwhile, Balance()

    @abstractmethod
    def block(self, nbytes: int) -> Array:
        """Bytes that all parties see, uninitialised, at a multiple of 64."""

    @abstractmethod
    def given(self, parts: Sequence[Kernel]) -> list[Other]:
        """The other parties, one for each part but the first."""

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        """A kernel that runs all `parts` (as many as parties, at most) at the same time, or one after the other."""
        own, given, one_by_one, balance = parts[0], self.given(parts), chain(parts), self._balance

        def kernel() -> None:
            if balance.rests:
                one_by_one()
            else:
                balance.add(_share(own, given))

        return kernel


def _share(own: Kernel, given: Sequence[Other]) -> float:
    """Run everything at the same time; the seconds that this saved, if all parts are as long as the own one."""
    begin = perf_counter()
    for start, _ in given:
        start()
    try:
        own()
    finally:
        done = perf_counter()
        failures = [failure for failure in [finish() for _, finish in given] if failure is not None]
    if failures:
        raise failures[0]
    return len(given) * (done - begin) - (perf_counter() - done)


def worthwhile(sharing: Sharing) -> int:
    """Sharing costs w seconds, a product of m MACs takes t: with n parties, t (1 - 1 / n) is to be `_GAIN` w at least.

    w: what a few short calls take more when every party makes them than when one does.
    """
    rows, inner, columns = _PROBE
    left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    short = [chain([partial(np.negative, line, line)] * _CALLS) for line in out[: sharing.threads]]
    together = partial(_share, short[0], sharing.given(short))
    with single_blas_thread():
        product = typical(partial(np.matmul, left, right, out))
    cost = max(typical(together) - typical(short[0]), 0.0)
    return int(_GAIN * cost / (1 - 1 / sharing.threads) * rows * inner * columns / product)


def typical(job: Callable[[], object]) -> float:
    """Seconds that a run takes when nobody disturbs it, as a tenth of the runs do."""
    found = []
    for _ in range(_PROBES):
        start = perf_counter()
        job()
        found.append(perf_counter() - start)
    return sorted(found)[_PROBES // 10]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
