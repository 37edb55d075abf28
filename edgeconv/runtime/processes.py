"""Processes that work on parts of one layer at the same time, over memory that they share.

NumPy releases the interpreter lock while it computes, but two threads that make calls of a few microseconds meet at
that lock at every other call, and who meets it sleeps. A forked process has a lock of its own. It knows all parts of
the plan that it was forked for; what it is told is a number.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Protocol

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.errors import EdgeconvError
from edgeconv.runtime.blas import single_blas_thread
from edgeconv.runtime.sharing import PATIENCE, Balance, Other, Party, Sharing, cores, give_way, worthwhile
from edgeconv.runtime.state import Settings

__all__ = ["Processes"]

_TRIES = 300
"""Looks at a semaphore before others are let have the core."""
_LOOK = 1.0
"""Seconds that a process sleeps before it looks whether the other one is still there."""
_LOOKS = 1000
"""Milliseconds that a process has to end."""
_READY = 5.0
"""Seconds that a process has to start."""
_PART, _LENGTH, _MESSAGE = 0, 1, 16
"""What lies where in the page that a process and its employer share: two int64, and what went wrong as text."""
_END = -1


class Semaphore(Protocol):
    """Of `_multiprocessing`."""

    def acquire(self, block: bool, timeout: float = ...) -> bool:
        """True where it was acquired."""

    def release(self) -> None:
        """Let one who waits go on."""


class Processes:
    """What makes a team for every plan. OSError where no processes can be forked."""

    def __init__(self, threads: int) -> None:
        if sys.platform != "linux":
            raise OSError("processes are forked on Linux alone")
        probe = Team(threads)
        self.threads, self._worthwhile = threads, worthwhile(probe)
        if probe.is_alone:
            raise OSError("no process can be forked here")

    def for_plan(self) -> Team:
        """A team of its own for a plan that is about to be made."""
        return Team(self.threads, self._worthwhile)

    @property
    def later(self) -> None:
        """Nobody but the caller works on what is planned while a network runs: it may be planned anew in every run."""
        return None


class Team(Sharing):
    """`threads - 1` processes beside the caller's own: forked when a part is given to them first, ended with the plan.

    What parts write, and read beside constants, has to lie in memory from `block`.
    """

    def __init__(self, threads: int, worthwhile: int = 0) -> None:
        super().__init__(threads, worthwhile)
        self._layers: list[Sequence[Kernel]] = []
        self._helpers = [_Helper(self._layers, number, self._balance, threads) for number in range(1, threads)]

    def block(self, nbytes: int) -> Array:
        """Memory that processes share; zeros at first."""
        return _shared(nbytes)

    @property
    def is_alone(self) -> bool:
        """True where a process could not be forked, or has ended."""
        return self._balance.is_stopped

    def given(self, parts: Sequence[Kernel]) -> list[Other]:
        """The processes; those that are forked already know nothing of these parts."""
        number = len(self._layers)
        self._layers.append(parts)
        return [(partial(helper.start, number), helper.finish) for helper in self._helpers[: len(parts) - 1]]


class _Helper(Party[int]):
    """A process to be, as its employer sees it; where none can be forked, the caller does its parts."""

    def __init__(self, layers: Sequence[Sequence[Kernel]], number: int, balance: Balance, threads: int) -> None:
        self._layers, self._number, self._balance = layers, number, balance
        self._patience = PATIENCE if threads <= cores() else 0.0
        self._child: _Child | None = None
        self._is_tried = False

    def begin(self, work: int) -> None:
        """Let the process compute its part of the layer of this number."""
        if not self._is_tried:
            self._is_tried, self._child = True, self._fork()
        if self._child is None:
            self._layers[work][self._number]()
        else:
            self._child.begin(work)

    def end(self) -> BaseException | None:
        """Wait until the part has been computed; what it failed with."""
        child = self._child
        if child is None:
            return None
        try:
            _wait(child.done, self._patience, child.look)
        except ChildProcessError as error:
            self._balance.stop()
            return EdgeconvError(f"{error}; this call gave nothing, the next ones compute without")
        return child.failure()

    def _fork(self) -> _Child | None:
        parts = [layer[self._number] if len(layer) > self._number else None for layer in self._layers]
        try:
            child = _Child(parts, self._patience)
        except (ImportError, OSError):
            self._balance.stop()
            return None
        weakref.finalize(self, child.end)
        return child


class _Child:
    """A process that computes `parts` as told, and what it shares with its employer; OSError where none can be."""

    def __init__(self, parts: Sequence[Kernel | None], patience: float) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._words = memoryview(self._page).cast("q")
        self._given, self.done = _semaphore(), _semaphore()
        self._owner = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: nothing that a child needs is theirs
            self._pid = os.fork()
        if not self._pid:
            try:
                self._serve(parts, patience)
            finally:
                os._exit(0)
        if not self.done.acquire(True, _READY):  # who held a lock when this was forked never gives it back there
            self._kill()
            raise OSError(f"process {self._pid} did not start")

    def begin(self, part: int) -> None:
        """Let the process compute this part."""
        self._words[_PART] = part
        self._given.release()

    def failure(self) -> EdgeconvError | None:
        """What the last part failed with."""
        length = self._words[_LENGTH]
        if not length:
            return None
        self._words[_LENGTH] = 0
        text = self._page[_MESSAGE : _MESSAGE + length].decode(errors="replace")
        return EdgeconvError(f"a process that shares this layer failed: {text}")

    def look(self) -> None:
        """ChildProcessError where the process is gone."""
        if self._is_gone():
            raise ChildProcessError(f"process {self._pid}, which shares layers with this one, has ended")

    def end(self) -> None:
        """Let the process end, if this is the one that forked it."""
        if self._owner != os.getpid() or self._is_gone():
            return
        self.begin(_END)
        for _ in range(_LOOKS):
            if self._is_gone():
                return
            time.sleep(1e-3)
        self._kill()

    def _is_gone(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG) != (0, 0)
        except ChildProcessError:  # somebody else has asked for it already
            return True

    def _kill(self) -> None:
        if not self._is_gone():
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _serve(self, parts: Sequence[Kernel | None], patience: float) -> None:
        """What the process itself does."""
        gc.disable()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the employer who is interrupted
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        look = partial(_exit_without, self._owner)
        with single_blas_thread(), Settings():
            np.matmul(*np.ones((2, 128, 128), np.float32))
            self.done.release()
            while True:
                _wait(self._given, patience, look)
                part = None if self._words[_PART] == _END else parts[self._words[_PART]]
                if part is None:
                    return
                try:
                    part()
                except BaseException as error:  # whatever it is, it belongs to the process that waits
                    self._tell(f"{type(error).__name__}: {error}")
                self.done.release()

    def _tell(self, message: str) -> None:
        text = message.encode()[: len(self._page) - _MESSAGE]
        self._page[_MESSAGE : _MESSAGE + len(text)] = text
        self._words[_LENGTH] = len(text)


def _exit_without(parent: int) -> None:
    """End this process where its parent is gone."""
    if os.getppid() != parent:
        os._exit(0)


def _wait(semaphore: Semaphore, patience: float, look: Callable[[], None]) -> None:
    """Acquire a semaphore: awake for a while, then asleep; `look` is called now and then meanwhile."""
    acquire = semaphore.acquire
    if patience:
        for _ in range(_TRIES):
            if acquire(False):
                return
    end = perf_counter() + patience
    while not acquire(False):
        if perf_counter() < end:
            give_way()
        elif acquire(True, _LOOK):
            return
        else:
            look()


def _semaphore() -> Semaphore:
    """A semaphore that processes share, at 0. That of `multiprocessing`, without the modules that come along there."""
    from _multiprocessing import SemLock  # type: ignore[import-not-found]

    made: Semaphore = SemLock(1, 0, 2, f"/edgeconv-{os.getpid()}-{os.urandom(8).hex()}", True)
    return made


def _shared(nbytes: int) -> Array:
    """Zeros that processes forked from now on share, at the begin of a page."""
    return np.frombuffer(mmap.mmap(-1, max(nbytes, 1)), np.uint8)[:nbytes]
