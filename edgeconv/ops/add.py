"""Add: a + b with broadcasting, optionally clamped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Expr, Operand, Ref, Scratch
from edgeconv.ops.binary import ClampedBinary, centred
from edgeconv.ops.integer import multiplier, scalar
from edgeconv.ops.onnx_rules import onnx_rule

__all__ = ["Add"]


@dataclass(frozen=True)
class Add(ClampedBinary):
    """a + b. int8: (qa - za) * float32(sa / sy) + (qb - zb) * float32(sb / sy), each step one IEEE operation."""

    ufunc: ClassVar[np.ufunc] = np.add

    def plan_real(self, a: Operand, b: Operand, y: Operand, work: Array, scratch: Scratch) -> Kernel:
        assert a.q is not None and b.q is not None and y.q is not None
        left, load_left = centred(a, float(multiplier(a.q.scale, scalar(y.q)[0])[0]), scratch)
        right, load_right = centred(b, float(multiplier(b.q.scale, scalar(y.q)[0])[0]), scratch)

        def kernel() -> None:
            load_left()
            load_right()
            np.add(left, right, out=work)

        return kernel


@onnx_rule("Add")
def import_add(a: Ref, b: Ref) -> Expr:
    """Elementwise sum with broadcasting (opset 7 and newer)."""
    return Add()(a, b)
