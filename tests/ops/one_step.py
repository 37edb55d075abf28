"""One operator on one int8 activation and constants, run by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.ops.base import Operator
from tests.ops.by_hand import Given, run_int8

__all__ = ["integers", "run_step"]


def integers(*shape: int, low: int = -128, high: int = 127, seed: int = 1) -> Array:
    """Deterministic int8 values between the bounds, both included."""
    return np.random.default_rng([seed, *shape]).integers(low, high + 1, shape).astype(np.int8)


def run_step(op: Operator, x: Array, x_q: QParams, y_q: QParams, constants: Sequence[Given] = ()) -> Array:
    """The raw output of `op` on x and constants (value, parameters)."""
    return run_int8(op, [(x, x_q), *constants], y_q, range(1, 1 + len(constants)))[0]
