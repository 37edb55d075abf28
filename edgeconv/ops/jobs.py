"""Jobs: the NumPy calls that a kernel makes, prepared to be made again and again with the fewest steps between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from edgeconv.core import Array, Kernel

__all__ = ["cast", "chain", "clip", "nothing"]


def _find_clip() -> Callable[..., Any]:
    """NumPy's clip as a ufunc: np.clip takes four times as long to get to it."""
    for name in ("_core", "core"):
        found: Callable[..., Any] | None = getattr(getattr(getattr(np, name, None), "umath", None), "clip", None)
        if found is not None:
            return found
    return np.clip


clip = _find_clip()
"""clip(x, low, high, out)."""


def cast(target: Array, source: Array) -> Kernel:
    """A kernel that copies `source` into `target`, whatever their dtypes, without a buffer."""
    return partial(np.copyto, target, source, "unsafe")


def nothing() -> None:
    """The kernel that has nothing to do."""


def chain(jobs: Iterable[Kernel]) -> Kernel:
    """One kernel that runs all `jobs` in order."""
    steps = tuple(job for job in jobs if job is not nothing)
    if len(steps) <= 1:
        return steps[0] if steps else nothing

    def kernel() -> None:
        for step in steps:
            step()

    return kernel
