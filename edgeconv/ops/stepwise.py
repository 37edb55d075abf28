"""Means of quantized values step by step, as ONNX's operators between DequantizeLinear and QuantizeLinear take them.

Where input and output have nearly the same scale, many means lie half way between two integers, and only the roundings
of float32 on the way decide. So real values in float32 are added in NumPy's pairwise order, which ONNX's reference
evaluator has, and divided twice: by their number, and by the output's scale. Every step is one IEEE operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Any

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.binary import centred
from edgeconv.ops.integer import narrow, scalar, span
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.pool_taps import axis_taps
from edgeconv.ops.windows import Window

__all__ = ["plan_mean", "plan_window_means"]

_LANES = 8
_BLOCK = 128
"""NumPy adds up to so many elements in lanes, and halves what is longer."""
_MOST = 1 << 14
"""Of more elements than that, no mean is taken step by step."""

_Part = tuple[tuple[Any, ...], Array]
"""(where it goes in the sums, what is added there)."""


def plan_mean(x: Operand, y: Operand, axes: tuple[int, ...], scratch: Scratch) -> Kernel | None:
    """The mean over `axes`, rounded once; None where it is too long."""
    kept = [axis for axis in range(x.array.ndim) if axis not in axes]
    dims = [x.array.shape[axis] for axis in axes]
    if prod(dims) > _MOST:
        return None
    real, jobs = _real(x, scratch)
    if kept == list(range(len(kept))):
        total, more = _rows(real.reshape(-1, prod(dims)), scratch)
    else:
        moved = real.transpose([*axes, *kept])
        total = scratch(moved.shape[len(axes) :])
        more = _added([((), moved[place]) for place in np.ndindex(*dims)], total)
    return chain([*jobs, *more, *_settled(total.reshape(y.array.shape), prod(dims), y)])


def plan_window_means(x: Operand, y: Operand, window: Window, counts: Array, scratch: Scratch) -> Kernel | None:
    """The mean of every window, rounded once; `counts` broadcasts against y. None where windows are too large."""
    if prod(window.kernel) > _MOST:
        return None
    spatial, out = x.array.shape[2:], y.array.shape[2:]
    real, jobs = _real(x, scratch)
    if prod(out) == 1 and not any(window.pads) and set(window.dilations) == {1}:
        seen = real[(slice(None), slice(None), *map(slice, window.kernel))]
        rows = scratch(seen.shape)
        total, more = _rows(rows.reshape(-1, prod(window.kernel)), scratch)
        more = [cast(rows, seen), *more]
    else:
        taps = [axis_taps(window, axis, spatial[axis], out[axis]).parts for axis in range(len(out))]
        parts: list[_Part] = []
        for each in product(*taps):
            seen = real[(slice(None), slice(None), *(source for _, _, source in each))]
            parts.append(((..., *(into for _, into, _ in each)), seen))
        total, more = _pairwise(parts, y.array.shape, scratch)
    return chain([*jobs, *more, *_settled(total.reshape(y.array.shape), counts, y)])


def _real(x: Operand, scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """Real values, contiguous."""
    values, jobs = centred(x, x.array, scalar(x.q)[0], scratch)
    if values.flags.c_contiguous:
        return values, jobs
    dense = scratch(values.shape)
    return dense, [*jobs, cast(dense, values)]


def _settled(total: Array, count: int | Array, y: Operand) -> list[Kernel]:
    """Jobs: sums to means, to steps of the output."""
    scale, zero = scalar(y.q)
    low, high = span(y.type, zero)
    return [
        partial(np.divide, total, np.asarray(count, np.float32), total),
        partial(np.divide, total, np.float32(scale), total),
        partial(np.rint, total, total),
        *narrow(total, np.float32(low), np.float32(high), np.float32(zero), y.array),
    ]


def _rows(rows: Array, scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """(sums (M,), jobs) of rows (M, n), in the order in which NumPy adds the elements of a line."""
    count, length = rows.shape
    if length > _BLOCK:
        half = length // 2 - length // 2 % _LANES
        left, jobs = _rows(rows[:, :half], scratch)
        right, more = _rows(rows[:, half:], scratch)
        return left, [*jobs, *more, partial(np.add, left, right, left)]
    width = _LANES if length >= _LANES else 1
    whole = length - length % width if width > 1 else 1
    lanes = scratch((count, width))
    jobs = [cast(lanes, rows[:, :width])]
    jobs += [partial(np.add, lanes, rows[:, at : at + width], lanes) for at in range(width, whole, width)]
    while width > 1:
        pairs, width = lanes, width // 2
        lanes = scratch((count, width))
        jobs.append(partial(np.add, pairs[:, 0::2], pairs[:, 1::2], lanes))
    total = lanes.reshape(count)
    return total, [*jobs, *(partial(np.add, total, rows[:, at], total) for at in range(whole, length))]


def _pairwise(parts: Sequence[_Part], shape: tuple[int, ...], scratch: Scratch) -> tuple[Array, list[Kernel]]:
    """(sums, jobs) of parts, each (where it goes, values), in the same order."""
    if len(parts) > _BLOCK:
        half = len(parts) // 2 - len(parts) // 2 % _LANES
        left, jobs = _pairwise(parts[:half], shape, scratch)
        right, more = _pairwise(parts[half:], shape, scratch)
        return left, [*jobs, *more, partial(np.add, left, right, left)]
    width = _LANES if len(parts) >= _LANES else 1
    whole = len(parts) - len(parts) % width if width > 1 else 0
    lanes = [scratch(shape) for _ in range(width)]
    jobs = [job for at, lane in enumerate(lanes) for job in _added(parts[at:whole:width], lane)]
    for step in (1, 2, 4):
        jobs += [partial(np.add, lanes[at], lanes[at + step], lanes[at]) for at in range(0, width - step, 2 * step)]
    rest = [partial(np.add, lanes[0][into], values, lanes[0][into]) for into, values in parts[whole:]]
    return lanes[0], [*jobs, *rest]


def _added(parts: Sequence[_Part], total: Array) -> list[Kernel]:
    """Jobs: the sum of all parts, one after another."""
    return [partial(total.fill, 0), *(partial(np.add, total[into], values, total[into]) for into, values in parts)]
