"""How NumPy is set while a network runs, and that nobody else runs it."""

from __future__ import annotations

from _thread import allocate_lock

import numpy as np

from edgeconv.errors import UsageError

__all__ = ["Settings", "Turn"]

BUFFER = 256 if int(np.__version__.partition(".")[0]) > 1 else 128
"""Elements of the buffers of ufuncs (NumPy 1 takes two where NumPy 2 takes one). Rows that are not contiguous are
copied through buffers, as many as fit, unless a single row fills one: long rows are faster without, and kernels avoid
short ones. Small buffers cost little memory.
"""


class Settings:
    """A context with small buffers and without warnings; what was set before comes back at the end."""

    def __enter__(self) -> None:
        self._before = np.setbufsize(BUFFER)
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._errors.__exit__(None, None, None)
        np.setbufsize(self._before)


class Turn:
    """These settings, for one thread at a time; UsageError for a second one."""

    def __init__(self) -> None:
        self._lock, self._settings = allocate_lock(), Settings()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise UsageError("this Interpreter is running in another thread; make one Interpreter for each thread")
        self._settings.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._settings.__exit__()
        self._lock.release()
