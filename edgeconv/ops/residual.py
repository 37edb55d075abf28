"""The residual input of Conv and Dense: a tensor of the output's shape that is added before clamp and rounding.

int8: (q - zero_point) * float32(s_residual / s_out), each step one IEEE operation, added to the scaled sum; so a
residual block rounds once instead of twice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import ShapeError
from edgeconv.ops.integer import multiplier, scalar

__all__ = ["check_residual", "plan_residual"]


def check_residual(residual: TensorType | None, output: TensorType) -> None:
    """ShapeError unless an existing residual has the type of the output."""
    if residual is not None and (residual.dtype, residual.shape) != (output.dtype, output.shape):
        raise ShapeError(f"its residual input {residual} must be like its output {output}")


def plan_residual(values: Array, q: QParams | None, q_out: QParams | None, work: Array) -> Callable[[Array], Kernel]:
    """What `requantize_into` takes as `add`, for int8 `values`; `work` is float32 of their shape."""
    scale, zero = scalar(q)
    zero_point, factor = np.float32(zero), multiplier([scale], scalar(q_out)[0])[0]

    def plan(total: Array) -> Kernel:
        def kernel() -> None:
            np.subtract(values, zero_point, out=work)
            np.multiply(work, factor, out=work)
            np.add(total, work, out=total)

        return kernel

    return plan
