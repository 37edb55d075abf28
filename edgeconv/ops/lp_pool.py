"""LpPool: the Lp norm of every window of x (N, C, *S); stays in float."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.pool_taps import Pooling, import_window
from edgeconv.records import dataclass

__all__ = ["LpPool"]


@dataclass(frozen=True)
class LpPool(Pooling):
    """(sum of |x| ** p) ** (1 / p) over sliding windows."""

    p: int = 2

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not x.is_float or self.p < 1:
            raise ShapeError(f"needs real numbers and p of at least 1, found {x} and {self.p}")
        return super().infer(x)

    def run(self, x: Array) -> Array:
        return np.asarray(self.reduced(np.add, 0, np.abs(x) ** self.p) ** (1 / self.p), x.dtype)


@onnx_rule("LpPool")
def import_lp_pool(
    x: Ref,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] = (),
    kernel_shape: Sequence[int],
    p: int = 2,
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """ONNX LpPool."""
    from edgeconv.ops.auto_pad import padded

    window = import_window(kernel_shape, strides, dilations, pads)
    source, padding = padded(auto_pad, window, x)
    is_ceil = bool(ceil_mode) and auto_pad == "NOTSET"
    return LpPool(window.kernel, window.strides, padding, window.dilations, is_ceil, p)(source)
