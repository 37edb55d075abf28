"""What the fast kernels of LSTM, GRU and RNN share: one direction's arrays, and the products with its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Scratch
from edgeconv.records import dataclass

__all__ = ["Direction", "plan_projection", "plan_recurrence", "start_state"]


@dataclass(frozen=True)
class Direction:
    """One direction's part of a planned operator: views, time first; `states` are (initial or None, final)."""

    x: Array
    y: Array
    weight: Array
    recurrence: Array
    bias: Array
    states: tuple[tuple[Array | None, Array], ...]
    is_reverse: bool

    def order(self) -> Iterator[int]:
        """The time steps as they are walked."""
        steps = range(self.x.shape[0])
        return iter(reversed(steps) if self.is_reverse else steps)


def plan_projection(part: Direction, weight: Array, bias: Array, scratch: Scratch) -> tuple[Array, Kernel]:
    """(values, kernel): the kernel leaves x @ weight.T + bias for all steps at once in the values (T, N, rows)."""
    matrix = np.ascontiguousarray(weight.T)
    values = scratch((*part.x.shape[:2], matrix.shape[1]))
    x = part.x

    def kernel() -> None:
        np.matmul(x, matrix, out=values)
        np.add(values, bias, out=values)

    return values, kernel


def plan_recurrence(recurrence: Array, out: Array) -> Callable[[Array], object]:
    """A function of h (N, H) that leaves h @ recurrence.T in `out` (N, rows)."""
    if len(out) > 1:
        matrix = np.ascontiguousarray(recurrence.T)
        return lambda h: np.matmul(h, matrix, out=out)
    matrix, row = np.ascontiguousarray(recurrence), out[0]
    return lambda h: np.dot(matrix, h[0], out=row)  # a matrix by a vector: half the time of a product of one row


def start_state(initial: Array | None, target: Array) -> Kernel:
    """A kernel that brings the initial state (zeros where there is none) into `target`."""
    return (lambda: target.fill(0)) if initial is None else (lambda: np.copyto(target, initial))
