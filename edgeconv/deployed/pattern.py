"""Inputs that look random and are the same on every machine: integer arithmetic alone makes them.

So a deployed file can check itself on inputs that it need not carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeconv.core import Array

__all__ = ["pattern"]

_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def pattern(shape: Sequence[int], dtype: str, seed: int) -> Array:
    """An array of splitmix64's upper bytes (G. Steele, D. Lea, C. Flood, OOPSLA 2014; doi 10.1145/2660193.2660195).

    8-bit integers: all values. Floats: -2 to 2 in steps of 1/64. Wider integers, which mostly are indices or masks,
    and booleans: 0 or 1.
    """
    z = np.arange(1, prod(shape) + 1, dtype=np.uint64) * _STEP + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    high = ((z ^ (z >> np.uint64(31))) >> np.uint64(56)).astype(np.uint8).reshape(shape)
    target = np.dtype(dtype)
    if target.kind == "f":
        return ((high.astype(np.float32) - np.float32(128)) / np.float32(64)).astype(target)
    if target.kind in "iu" and target.itemsize == 1:
        return high.view(target)
    return (high & 1).astype(target)
