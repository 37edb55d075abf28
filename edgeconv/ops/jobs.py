"""Jobs: the NumPy calls that a kernel makes, prepared to be made again and again with the fewest steps between them.

Sums along axes are products with ones: BLAS is faster than a reduction loop, and exact on small integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from edgeconv.core import Array, Kernel

__all__ = ["cast", "chain", "clip", "has_small_products", "nothing", "plan_sum"]


def _find_clip() -> Callable[..., Any]:
    """NumPy's clip as a ufunc: np.clip takes four times as long to get to it."""
    for name in ("_core", "core"):
        found: Callable[..., Any] | None = getattr(getattr(getattr(np, name, None), "umath", None), "clip", None)
        if found is not None:
            return found
    return np.clip


clip = _find_clip()
"""clip(x, low, high, out)."""


@cache
def has_small_products() -> bool:
    """True where OpenBLAS has kernels for small products, that lay nothing out before: with AVX-512."""
    for name in ("_core", "core"):
        module = getattr(getattr(np, name, None), "_multiarray_umath", None)
        features: dict[str, bool] | None = getattr(module, "__cpu_features__", None)
        if features is not None:
            return features.get("AVX512_SKX", False)
    return False


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


def plan_sum(x: Array, axes: tuple[int, ...], out: Array) -> Kernel:
    """A kernel: out = sum of x over `axes` (sorted); `out` has them as 1 or not at all. One float dtype, contiguous."""
    if not axes:
        return partial(np.copyto, out, x)
    lead, count = prod(x.shape[: axes[0]]), prod(x.shape[axis] for axis in axes)
    is_run = axes == tuple(range(axes[0], axes[0] + len(axes)))
    if not is_run or x.size == 0:
        kept = out.reshape([1 if axis in axes else dim for axis, dim in enumerate(x.shape)])
        return partial(np.add.reduce, x, axis=axes, keepdims=True, out=kept)
    rest = prod(x.shape[axes[-1] + 1 :])
    if rest == 1:
        return partial(np.matmul, x.reshape(lead, count), np.ones(count, x.dtype), out.reshape(lead))
    ones, rows = np.ones((1, count), x.dtype), x.reshape(lead, count, rest)
    return partial(np.matmul, ones, rows, out.reshape(lead, 1, rest))
