"""MaxPool: the largest element of every window of x (N, C, *S); padding never wins.

int8: the raw bytes, since the order of integers is the order of the values that they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import ClassVar

import numpy as np

from edgeconv.core import INT8_MIN, Array, Kernel
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, QuantRule, Ref, Scratch
from edgeconv.ops.integer import scalar
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.pool_taps import Pooling, import_window, plan_separable
from edgeconv.records import dataclass

__all__ = ["MaxPool", "lowest"]


@dataclass(frozen=True)
class MaxPool(Pooling):
    """Maximum over sliding windows."""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def run(self, x: Array) -> Array:
        return self.reduced(np.maximum, lowest(x.dtype), x)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0].array
        least = INT8_MIN - scalar(x.q)[1] if x.is_wide else lowest(y.dtype)
        return plan_separable(np.maximum, least, self.window, x.array, y, scratch)


def lowest(dtype: np.dtype) -> float:
    """The smallest value of a dtype: what the maximum of nothing is."""
    return -inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


@onnx_rule("MaxPool")
def import_max_pool(
    x: Ref,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] = (),
    kernel_shape: Sequence[int],
    pads: Sequence[int] = (),
    storage_order: int = 0,
    strides: Sequence[int] = (),
    outputs: int = 1,
) -> Expr | tuple[Expr | None, ...]:
    """ONNX MaxPool; the storage order only matters to its second output, the places of the maxima."""
    from edgeconv.ops.auto_pad import padded, resolve_auto_pad

    window = import_window(kernel_shape, strides, dilations, pads)
    source: Expr = x
    if outputs > 1 or set(window.dilations) != {1}:
        padding = resolve_auto_pad(auto_pad, window, x)
    else:  # a window that meets the border meets what the border repeats
        source, padding = padded(auto_pad, window, x, "edge")
    is_ceil = bool(ceil_mode) and auto_pad == "NOTSET"
    if outputs > 1:
        from edgeconv.ops.max_unpool import MaxPoolIndices  # which is a MaxPool

        call = MaxPoolIndices(window.kernel, window.strides, padding, window.dilations, is_ceil, bool(storage_order))(x)
        return call, call[1]
    return MaxPool(window.kernel, window.strides, padding, window.dilations, is_ceil)(source)
