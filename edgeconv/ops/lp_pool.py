"""LpPool: the Lp norm of every window of x (N, C, *S); stays in float."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.pool_taps import axis_taps, check_reach, import_window
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["LpPool"]


@dataclass(frozen=True)
class LpPool(Operator):
    """(sum of |x| ** p) ** (1 / p) over sliding windows."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False
    p: int = 2

    @property
    def window(self) -> Window:
        """The sliding window."""
        return Window(self.kernel, self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank < 3 or not x.is_float or self.p < 1:
            raise ShapeError(f"needs spatial dimensions of real numbers and p of at least 1, found {x} and {self.p}")
        spatial = self.window.output_dims(x.shape[2:], self.ceil_mode)
        check_reach(self.window)
        return (x.with_shape((*x.shape[:2], *spatial)),)

    def run(self, x: Array) -> Array:
        out = self.infer(TensorType(x.dtype.name, x.shape))[0].ints
        sums = np.abs(x) ** self.p
        for axis in range(2, x.ndim):
            y = np.zeros((*out[: axis + 1], *x.shape[axis + 1 :]), x.dtype)
            moved, source = np.moveaxis(y, axis, 0), np.moveaxis(sums, axis, 0)
            for _, target, into in axis_taps(self.window, axis - 2, x.shape[axis], out[axis]).parts:
                moved[target] += source[into]
            sums = y
        return np.asarray(sums ** (1 / self.p), x.dtype)


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
