"""Programs small enough to check by hand."""

from __future__ import annotations

import numpy as np

from edgeconv.core import QParams, TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.ops import operator_class
from edgeconv.runtime import Program
from edgeconv.runtime.program import Step, Tensor

__all__ = ["INPUT_Q", "OUTPUT_Q", "float_sum", "int8_negation"]

INPUT_Q, OUTPUT_Q = QParams.per_tensor(0.5, 3), QParams.per_tensor(0.25, -7)
_N = symbol("N")


def float_sum() -> Program:
    """total = a + b, both float32 [N, 3]; and twice = total + total."""
    add = operator_class("Add")()
    tensors = tuple(Tensor(name, TensorType("float32", (_N, 3))) for name in ("a", "b", "total", "twice"))
    return Program(tensors, (Step(add, (0, 1), (2,), "first"), Step(add, (2, 2), (3,), "second")), (0, 1), (2, 3))


def int8_negation() -> Program:
    """y = -x by table, int8 [N, 4]: real = 0.5 * (q - 3) in, 0.25 * (q + 7) out."""
    integers = np.arange(-128, 128)
    table = np.clip(np.rint(-0.5 * (integers - 3) / 0.25) - 7, -128, 127).astype(np.int8)
    tensors = (
        Tensor("x", TensorType("int8", (_N, 4), INPUT_Q)),
        Tensor("table", type_of(table)),
        Tensor("y", TensorType("int8", (_N, 4), OUTPUT_Q)),
    )
    return Program(tensors, (Step(operator_class("Lookup")(), (0, 1), (2,), "negate"),), (0,), (2,))
