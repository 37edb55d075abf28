"""Conv: convolution over any number of dimensions. x (N,C,*S), weight (O,C/groups,*K), bias (O,).

One kernel serves all, grouped im2col and one (batched) product per sample. A residual of the output's shape may be
added; `low` and `high` clamp the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Scratch, ShapeError, Typed
from edgeconv.ops.broadcast import equal_dim
from edgeconv.ops.conv_kernels import ConvLayer
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.residual import check_residual
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["Conv"]


@dataclass(frozen=True)
class Conv(Operator):
    """Convolution. Pads are begins, then ends; `low` and `high` bound the output (a fused Relu or Clip).

    `pad_values` is what the padding holds, one value for each input channel; empty: zeros. A BatchNorm in front of a
    padded convolution is folded with their help: its zeros stand for another value before it.
    """

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1
    low: float = -inf
    high: float = inf
    pad_values: tuple[float, ...] = ()

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0, 3), weight=1, weight_axis=0, bias=2)
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        bias: TensorType | None = None,
        residual: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        if x.rank < 3 or weight.rank != x.rank:
            raise ShapeError(f"input {x} and weight {weight} must have the same rank, 3 or more")
        outputs = weight.shape[0]
        common = equal_dim((x.shape[1], weight.shape[1] * self.groups))
        if self.groups < 1 or common is None or outputs % self.groups:
            raise ShapeError(f"input {x} does not fit weight {weight} in {self.groups} groups")
        if self.pad_values and (len(self.pad_values) != x.shape[1] or not np.isfinite(self.pad_values).all()):
            raise ShapeError(f"{len(self.pad_values)} pad_values do not fit the channels of {x}, or are not finite")
        if bias is not None and bias.shape != (outputs,):
            raise ShapeError(f"bias {bias} must have one element for each of {outputs} outputs")
        y = x.with_shape((x.shape[0], outputs, *self.window(weight).output_dims(x.shape[2:])))
        check_residual(residual, y)
        return (y,)

    def window(self, weight: TensorType) -> Window:
        """The sliding window for this weight."""
        return Window(weight.ints[2:], self.strides, self.dilations, self.pads)

    def run(self, x: Array, w: Array, b: Array | None = None, residual: Array | None = None) -> Array:
        out = self.infer(TensorType("float32", x.shape), TensorType("float32", w.shape))[0].ints
        y = np.zeros(out, np.result_type(x, w))
        rank = x.ndim - 2
        padded = self._padded(x)
        per_in, per_out = w.shape[1], w.shape[0] // self.groups
        for group in range(self.groups):
            channels = padded[:, group * per_in : (group + 1) * per_in]
            rows = slice(group * per_out, (group + 1) * per_out)
            for tap in np.ndindex(*w.shape[2:]):
                spans = tuple(
                    slice(t * d, t * d + (n - 1) * s + 1, s)
                    for t, d, n, s in zip(tap, self.dilations, out[2:], self.strides, strict=True)
                )
                seen: Array = channels[(slice(None), slice(None), *spans)]
                y[:, rows] += np.einsum("nc...,oc->no...", seen, w[(rows, slice(None), *tap)])
        if b is not None:
            y += b.reshape(-1, *(1,) * rank)
        return np.clip(y if residual is None else y + residual, self.low, self.high)

    def _padded(self, x: Array) -> Array:
        """x (N, C, *S) with its padding."""
        begins, ends = self.pads[: x.ndim - 2], self.pads[x.ndim - 2 :]
        dims = (begin + n + end for n, begin, end in zip(x.shape[2:], begins, ends, strict=True))
        fill = np.array(self.pad_values or 0, x.dtype).reshape(-1, *(1,) * (x.ndim - 2))
        padded = np.broadcast_to(fill, (*x.shape[:2], *dims)).copy()
        inside = tuple(slice(begin, begin + n) for n, begin in zip(x.shape[2:], begins, strict=True))
        np.copyto(padded[(slice(None), slice(None), *inside)], x)
        return padded

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, weight, bias = inputs[0], inputs[1], inputs.get(2)
        if not (weight.is_constant and (bias is None or bias.is_constant)):
            return super().plan(inputs, outputs, scratch)
        padding = np.array(self.pad_values or 0, np.float32)
        bounds = (self.low, self.high)
        window = self.window(weight.type)
        layer = ConvLayer(window, self.groups, *bounds, padding, x, weight, bias, inputs.get(3), outputs[0])
        return layer.plan(scratch)

    def margins(self, inputs: Inputs[TensorType]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        rank = len(self.strides)
        return self.pads[:rank], self.pads[rank:]

    def columns(self, x: Array, weight: Array, count: int) -> Array:
        from edgeconv.ops.sampling import spread_positions

        window = self.window(TensorType("float32", weight.shape))
        rank = len(window.kernel)
        spans = tuple(d * (k - 1) + 1 for d, k in zip(self.dilations, window.kernel, strict=True))
        views = sliding_window_view(self._padded(x), spans, axis=tuple(range(2, 2 + rank)))
        steps = tuple(slice(None, None, n) for n in (1, 1, *self.strides, *self.dilations))
        moved: Array = np.moveaxis(views[steps], 1, 1 + rank)
        chosen = np.unravel_index(spread_positions(prod(moved.shape[: 1 + rank]), count), moved.shape[: 1 + rank])
        return moved[chosen].reshape(chosen[0].size, -1).T.reshape(self.groups, weight[0].size, -1)

    def matrix(self, weight: Array) -> Array:
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def from_matrix(self, matrix: Array, like: Array) -> Array:
        return matrix.reshape(like.shape)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * prod(inputs[1].ints[1:])


@onnx_rule("Conv")
def import_conv(
    x: Typed,
    w: Typed,
    b: Expr | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """ONNX Conv; the kernel shape is the weight's."""
    from edgeconv.ops.auto_pad import padded

    spatial = w.type.rank - 2
    if kernel_shape and tuple(kernel_shape) != w.type.shape[2:]:
        raise Unsupported(f"kernel_shape {tuple(kernel_shape)} differs from the weight {w.type}")
    ones, none = (1,) * spatial, (0,) * (2 * spatial)
    window = Window(w.type.ints[2:], tuple(strides) or ones, tuple(dilations) or ones, tuple(pads) or none)
    source, padding = padded(auto_pad, window, x)
    return Conv(window.strides, padding, window.dilations, group)(source, w, b)
