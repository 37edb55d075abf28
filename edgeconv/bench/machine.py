"""What this machine can do at best, measured: float32 products of large matrices, and the price of a NumPy call."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

__all__ = ["Machine", "measure_machine"]

_SIZE = 384
_PRODUCTS = 100
_CALLS = 200
_TURNS = 100


@dataclass(frozen=True)
class Machine:
    """`macs_per_second`: multiply-accumulates of a float32 matrix product (sgemm). `call_seconds`: one NumPy call."""

    macs_per_second: float
    call_seconds: float


def measure_machine() -> Machine:
    """The best of many short turns, which finds moments when nothing else runs; with as many threads as BLAS has."""
    return Machine(_product_rate(), min(_call_seconds() for _ in range(_TURNS)))


def _product_rate() -> float:
    a = np.random.default_rng(0).standard_normal((_SIZE, _SIZE), np.float32)
    out, best = np.empty_like(a), np.inf
    for _ in range(_PRODUCTS):
        begin = perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, perf_counter() - begin)
    return float(_SIZE**3 / best)


def _call_seconds() -> float:
    """Of an addition of two numbers: nothing to compute, all the rest of a call."""
    a, add = np.zeros(1, np.float32), np.add
    begin = perf_counter()
    for _ in range(_CALLS):
        add(a, a, a)
    return (perf_counter() - begin) / _CALLS
