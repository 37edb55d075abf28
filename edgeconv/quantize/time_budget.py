"""A time budget: refining stops when it is spent, and says so. What is written then depends on the machine's speed."""

from __future__ import annotations

import time

__all__ = ["TimeBudget"]


class TimeBudget:
    """Seconds of wall time from now on; None for any."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def is_spent(self) -> bool:
        """True when the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def message(self, done: int, total: int, what: str) -> str:
        """Why refining stopped, for the report."""
        return f"the time budget of {self.seconds:g} s was spent after {done} of {total} {what}"
