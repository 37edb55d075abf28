"""One block of memory for all activations, shared by those never alive at the same time; and scratch memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.errors import EdgeconvError
from edgeconv.ops.jobs import chain
from edgeconv.records import dataclass

if TYPE_CHECKING:
    from edgeconv.runtime.sharing import Sharing

__all__ = ["Arena", "Lifetime", "ScratchPool", "aligned_block", "blocks_of", "check_limit", "place", "round_up"]

_ALIGNMENT = 64
_HUGE = 1 << 21
"""Bytes of a huge page."""
_HEAP_BYTES = 1 << 26
"""Bytes of a block for weights, most of which takes no memory before it is written to. The first one is smaller: few
weights take no huge page."""
_GATHERED = range(1 << 16, 1 << 22)
"""Bytes of a weight that is moved; larger ones NumPy itself puts into huge pages."""


@dataclass(frozen=True)
class Lifetime:
    """A buffer of `nbytes` in use from step `first` to step `last`, both included."""

    nbytes: int
    first: int
    last: int


def place(lifetimes: Mapping[int, Lifetime]) -> tuple[dict[int, int], int]:
    """Offsets of all buffers, and the size of the arena: largest first, each at the lowest place that is free."""
    placed: list[tuple[int, int, Lifetime]] = []
    offsets: dict[int, int] = {}
    total = 0
    for index in sorted(lifetimes, key=lambda i: (-lifetimes[i].nbytes, lifetimes[i].first, i)):
        life = lifetimes[index]
        offset = _lowest_gap(placed, life)
        offsets[index] = offset
        placed.append((offset, offset + round_up(life.nbytes), life))
        placed.sort(key=lambda entry: entry[:2])
        total = max(total, offset + round_up(life.nbytes))
    return offsets, total


def _lowest_gap(placed: Sequence[tuple[int, int, Lifetime]], life: Lifetime) -> int:
    offset = 0
    for begin, end, other in placed:
        if other.last < life.first or life.last < other.first:
            continue
        if offset + round_up(life.nbytes) <= begin:
            break
        offset = max(offset, end)
    return offset


def round_up(nbytes: int) -> int:
    """At least so many bytes, and where the next array may begin behind them."""
    return max(-(-nbytes // _ALIGNMENT), 1) * _ALIGNMENT


def check_limit(nbytes: int, limit: int) -> None:
    """EdgeconvError where activations of so many bytes are over the limit."""
    if nbytes > limit:
        raise EdgeconvError(f"activations need {nbytes:,} bytes, more than the limit of {limit:,}; raise it with "
                            "Interpreter(..., memory_limit=bytes), or use a smaller batch")  # fmt: skip


def aligned_block(nbytes: int) -> Array:
    """Uninitialised bytes that start at a multiple of 64; large ones in huge pages, where the system has any."""
    raw, alignment = _huge(nbytes), _HUGE
    if raw is None:
        raw, alignment = np.empty(nbytes + _ALIGNMENT, np.uint8), _ALIGNMENT
    start = -raw.ctypes.data % alignment
    return raw[start : start + nbytes]


def blocks_of(sharing: Sharing | None) -> Callable[[int], Array]:
    """Where a plan gets its memory from: what all parties see, where there are several."""
    return aligned_block if sharing is None else sharing.block


def _huge(nbytes: int) -> Array | None:
    """Memory with room for `nbytes` from a multiple of a huge page on; None for few, and where there is no such thing.

    Who streams through megabytes of weights and activations waits for the addresses of small pages.
    """
    if nbytes < 2 * _HUGE:  # half of one more is left over on the average
        return None
    import mmap

    try:
        memory = mmap.mmap(-1, nbytes + _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
    except (AttributeError, OSError):  # not on Linux, or a kernel without
        return None
    return np.frombuffer(memory, np.uint8)


class Arena:
    """The block, and where each buffer lies in it."""

    def __init__(self, lifetimes: Mapping[int, Lifetime], limit: int, block: Callable[[int], Array]) -> None:
        self.offsets, self.nbytes = place(lifetimes)
        check_limit(self.nbytes, limit)
        self._block = block(self.nbytes)

    def view(self, index: int, shape: tuple[int, ...], dtype: str) -> Array:
        """The buffer `index` as an array."""
        nbytes = prod(shape) * np.dtype(dtype).itemsize
        offset = self.offsets[index]
        return self._block[offset : offset + nbytes].view(dtype).reshape(shape)


class ScratchPool:
    """Working memory, reused by one step after another.

    Each request goes into the first block that still has room for this step; where none has, a block is added. Steps
    planned before keep pointing into theirs. What is `kept` has memory of its own.
    """

    def __init__(self, limit: int, sharing: Sharing | None = None, is_frugal: bool = False) -> None:
        self.limit, self.sharing, self.is_frugal = limit, sharing, is_frugal
        self.block = blocks_of(sharing)
        self.blocks: list[Array] = []
        self.kept: dict[tuple[object, ...], Array] = {}
        self.prepared_bytes = self.passing_bytes = 0
        self._heap, self._heap_used = aligned_block(0), 0

    @property
    def nbytes(self) -> int:
        """Bytes of all blocks, and of what is kept."""
        return sum(block.size for block in self.blocks) + sum(array.nbytes for array in self.kept.values())

    def for_step(self) -> StepScratch:
        """The scratch of one step."""
        return StepScratch(self)

    def add_block(self, nbytes: int) -> None:
        """Another block, for a request of `nbytes` that fits nowhere."""
        self.check(nbytes)
        self.blocks.append(self.block(round_up(nbytes)))

    def gather(self, array: Array) -> Array:
        """`array`, moved into a block that it shares with others if it is large."""
        if array.nbytes not in _GATHERED or self.is_frugal or not array.flags.c_contiguous:
            return array
        if self._heap_used + array.nbytes > self._heap.size:
            is_first = not self._heap.size
            self._heap = aligned_block(max(array.nbytes, _HUGE if is_first else _HEAP_BYTES))
            self._heap_used = 0
        start = self._heap_used
        self._heap_used = start + round_up(array.nbytes)
        moved = self._heap[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved

    def check(self, nbytes: int) -> None:
        """EdgeconvError where `nbytes` more are over the limit."""
        if self.nbytes + nbytes > self.limit:
            raise EdgeconvError(f"working memory needs more than the limit of {self.limit:,} bytes; raise it with "
                                "Interpreter(..., memory_limit=bytes), or use a smaller batch")  # fmt: skip


class StepScratch:
    """Hands out disjoint arrays to one step."""

    def __init__(self, pool: ScratchPool, used: Mapping[int, int] | None = None) -> None:
        self._pool = pool
        self._used = dict(used or {})
        self._shared: dict[str, Array] = {}

    def nested(self) -> StepScratch:
        """The scratch of a step inside this one."""
        return StepScratch(self._pool, self._used)

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """An uninitialised array, aligned to 64 bytes."""
        nbytes = prod(shape) * np.dtype(dtype).itemsize
        index = next((i for i, block in enumerate(self._pool.blocks) if self._fits(i, block, nbytes)), None)
        if index is None:
            self._pool.add_block(nbytes)
            index = len(self._pool.blocks) - 1
        offset = self._used.get(index, 0)
        self._used[index] = offset + round_up(nbytes)
        return self._pool.blocks[index][offset : offset + nbytes].view(dtype).reshape(tuple(shape))

    def shared(self, key: str, shape: Sequence[int], dtype: str = "float32") -> Array:
        """An uninitialised array in the memory of this step's earlier requests with the same key, where it fits."""
        nbytes = prod(shape) * np.dtype(dtype).itemsize
        if key not in self._shared or self._shared[key].size < nbytes:
            self._shared[key] = self((nbytes,), "uint8")
        return self._shared[key][:nbytes].view(dtype).reshape(tuple(shape))

    def kept(self, key: str, shape: Sequence[int], dtype: str) -> Array:
        """An array, zeros at first, that all steps with the same key, shape and dtype share, and no others.

        Where memory is short it is only zeros at first, since the step is planned anew before it runs again.
        """
        if self.is_frugal:
            array = self.shared(key, shape, dtype)
            array.fill(0)
            return array
        known = (key, *shape, dtype)
        if known not in self._pool.kept:
            nbytes = prod(shape) * np.dtype(dtype).itemsize
            self._pool.check(nbytes)
            self._pool.kept[known] = self._pool.block(nbytes).view(dtype).reshape(tuple(shape))
            self._pool.kept[known].fill(0)
        return self._pool.kept[known]

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        """One kernel that runs all parts, which may not share memory that they write."""
        sharing = self._pool.sharing
        return chain(parts) if sharing is None or len(parts) < 2 else sharing.parallel(parts)

    @property
    def is_frugal(self) -> bool:
        """Is memory more precious than time?"""
        return self._pool.is_frugal

    def threads_for(self, macs: int) -> int:
        """All threads where they gain more than it takes to wake them, else one."""
        sharing = self._pool.sharing
        return 1 if sharing is None or macs < sharing.worthwhile else sharing.threads

    def hold(self, array: Array) -> Array:
        """`array`, which a kernel keeps for good, where it is from now on: weights made ready, counted."""
        self._pool.prepared_bytes += array.nbytes
        return self._pool.gather(array)

    def _fits(self, index: int, block: Array, nbytes: int) -> bool:
        return self._used.get(index, 0) + nbytes <= block.size
