"""How NumPy is set while a network runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["numpy_settings"]

BUFFER = 256
"""Elements of the buffers of ufuncs. Rows that are not contiguous are copied through buffers, as many as fit, unless a
single row fills one: long rows are faster without, and kernels avoid short ones. Small buffers cost little memory."""


@contextmanager
def numpy_settings() -> Iterator[None]:
    """Small buffers and no warnings; what was set before comes back at the end."""
    before = np.setbufsize(BUFFER)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.setbufsize(before)
