"""Jobs: the NumPy calls that a kernel makes, prepared to be made again and again with the fewest steps between them.

Sums along axes are products with ones: BLAS is faster than a reduction loop, and exact on small integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from math import prod
from operator import setitem
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeconv.core import Array, Kernel

if TYPE_CHECKING:
    from edgeconv.ops.base import Scratch

__all__ = [
    "EXPANDED",
    "SHORT",
    "cast",
    "chain",
    "clip",
    "has_small_products",
    "laid_out",
    "matmul",
    "nothing",
    "plan_sum",
    "product",
]


def _find_clip() -> Callable[..., Any]:
    """NumPy's clip as a ufunc: np.clip takes four times as long to get to it."""
    for name in ("_core", "core"):
        found: Callable[..., Any] | None = getattr(getattr(getattr(np, name, None), "umath", None), "clip", None)
        if found is not None:
            return found
    return np.clip


clip = _find_clip()
"""clip(x, low, high, out)."""
_SMALL_PRODUCT = 1_000_000
"""Multiply-accumulates up to which OpenBLAS takes such kernels."""
EXPANDED = 1 << 17
"""Constants for up to so many elements are laid out one by one."""
SHORT = 512
"""Lines of fewer elements are short."""
_ALIAS = 4096
"""Bytes between lines that all lie in the same places of the first cache: they should be laid out."""
_FEWEST_ROWS = 12
"""Rows of a part below which parts of columns are faster, if there are any."""
_ENOUGH_ROWS = 24
"""Rows of a part where the terms are in parts, too."""
_FEWEST_TERMS = 320
"""Terms of a part below which it takes too many additions."""


@cache
def has_small_products() -> bool:
    """True where OpenBLAS has kernels for small products, that lay nothing out before: with AVX-512."""
    for name in ("_core", "core"):
        module = getattr(getattr(np, name, None), "_multiarray_umath", None)
        features: dict[str, bool] | None = getattr(module, "__cpu_features__", None)
        if features is not None:
            return features.get("AVX512_SKX", False)
    return False


def matmul(left: Array, right: Array, out: Array, work: Callable[[], Array] | None = None) -> list[Kernel]:
    """Jobs: out (..., M, N) = left (..., M, K) @ right (..., K, N), in parts so small that BLAS lays nothing out first.

    Parts of rows or of columns, where it has kernels for such; of the terms where both are too long, their sums by way
    of `work`, which gives an array like `out`.
    """
    (rows, terms), columns = left.shape[-2:], right.shape[-1]
    if rows * terms * columns <= _SMALL_PRODUCT or out.dtype != np.float32 or not has_small_products():
        return [partial(np.matmul, left, right, out)]
    high = _SMALL_PRODUCT // (terms * columns) // 6 * 6
    wide = _SMALL_PRODUCT // (terms * rows) // 16 * 16 if right.strides[-2] % _ALIAS else 0
    deep = _SMALL_PRODUCT // (columns * _ENOUGH_ROWS)
    if high >= _FEWEST_ROWS or high > wide == 0:
        (first, last), (above, below) = (_cut(array, -2, high) for array in (left, out))
        return [partial(np.matmul, first, right[..., None, :, :], above), *_some(last, right, below)]
    if wide:
        (first, last), (before, behind) = (_cut(array, -1, wide) for array in (right, out))
        first, before = first.swapaxes(-3, -2), before.swapaxes(-3, -2)
        return [partial(np.matmul, left[..., None, :, :], first, before), *_some(left, last, behind)]
    if work is None or not _FEWEST_TERMS <= deep < terms:
        return [partial(np.matmul, left, right, out)]
    size = -(-terms // -(-terms // deep))
    jobs, more = matmul(left[..., :size], right[..., :size, :], out), work()
    for at in range(size, terms, size):
        jobs += matmul(left[..., at : at + size], right[..., at : at + size, :], more)
        jobs.append(partial(np.add, out, more, out))
    return jobs


def _some(left: Array, right: Array, out: Array) -> list[Kernel]:
    """The product as one job; none for none."""
    return [partial(np.matmul, left, right, out)] if out.size else []


def _cut(array: Array, axis: int, size: int) -> tuple[Array, Array]:
    """Views: whole parts of `size` along `axis`, with an axis before it that counts them, and what is left."""
    split = axis % array.ndim
    count = array.shape[split] // size
    whole, rest = np.split(array, [count * size], split)
    return whole.reshape(*whole.shape[:split], count, size, *whole.shape[split + 1 :]), rest


def product(left: Array, right: Array, out: Array) -> Kernel:
    """A kernel: out = left @ right, by the shortest way to BLAS."""
    arrays = (left, right, out)
    is_plain = all(array.ndim == 2 and array.size and array.flags.forc for array in arrays) and out.flags.c_contiguous
    if is_plain and left.dtype == right.dtype == out.dtype:
        return partial(np.dot, left, right, out)
    return partial(np.matmul, left, right, out)


def laid_out(values: Array, shape: Sequence[int], scratch: Scratch) -> Array:
    """`values`, which broadcast to `shape`; one by one where lines are short and few: NumPy buffers broadcasts."""
    if scratch.is_frugal or shape[-1] >= SHORT or prod(shape) > EXPANDED or prod(shape) <= shape[-1]:
        return values
    return scratch.hold(np.ascontiguousarray(np.broadcast_to(values, tuple(shape))))


def cast(target: Array, source: Array) -> Kernel:
    """A kernel that copies `source` into `target`, whatever their dtypes, without a buffer."""
    return partial(setitem, target, ..., source)


def nothing() -> None:
    """The kernel that has nothing to do."""


def chain(jobs: Iterable[Kernel]) -> Kernel:
    """One kernel that runs all `jobs` in order."""
    steps = tuple(_with_arrays(job) for job in jobs if job is not nothing)
    if len(steps) <= 1:
        return steps[0] if steps else nothing

    def kernel() -> None:
        for step in steps:
            step()

    return kernel


def _with_arrays(job: Kernel) -> Kernel:
    """The same NumPy call with its scalars as arrays: it makes one of each in every call otherwise."""
    if isinstance(job, partial) and any(isinstance(arg, np.generic) for arg in job.args):
        args = (np.asarray(arg) if isinstance(arg, np.generic) else arg for arg in job.args)
        return partial(job.func, *args, **job.keywords)
    return job


def plan_sum(x: Array, axes: tuple[int, ...], out: Array) -> Kernel:
    """A kernel: out = sum of x over `axes` (sorted); `out` has them as 1 or not at all. One float dtype, contiguous."""
    if not axes:
        return cast(out, x)
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
