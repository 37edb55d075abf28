"""A program of one step, built by hand: for tests of int8 kernels against formulas written out in the test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.ops.base import Operator, infer_types
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor

__all__ = ["integers", "run_step"]


def integers(*shape: int, low: int = -128, high: int = 127, seed: int = 1) -> Array:
    """Deterministic int8 values of the whole range."""
    return np.random.default_rng([seed, *shape]).integers(low, high + 1, shape).astype(np.int8)


def run_step(
    op: Operator,
    x: Array,
    x_q: QParams | None,
    y_q: QParams | None,
    constants: Sequence[tuple[Array, QParams | None]] = (),
) -> Array:
    """The raw first output of `op` on x and constants (value, parameters), its output quantized by `y_q`."""
    types = [TensorType(x.dtype.name, x.shape, x_q), *(type_of(value, q) for value, q in constants)]
    results = [found.with_q(y_q if found.dtype == "int8" else None) for found in infer_types(op, types)]
    tensors = tuple(Tensor(f"t{index}", known) for index, known in enumerate([*types, *results]))
    inputs, outputs = tuple(range(len(types))), tuple(range(len(types), len(tensors)))
    program = Program(tensors, (Step(op, inputs, outputs, "step"),), (0,), outputs[:1])
    found: Array = Interpreter(program)(x, raw=True)
    return found
