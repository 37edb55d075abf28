"""DeformConv: a convolution whose taps are moved by offsets that the network computes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.sample_points import sample_points
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["DeformConv"]


@dataclass(frozen=True)
class DeformConv(Operator):
    """x (N, C, H, W), weight (O, C / groups, KH, KW), offset (N, offset_groups * KH * KW * 2, OH, OW), bias (O,), mask.

    A tap reads x between its elements, at its place plus its offset (down, across); 0 is outside. The mask (N,
    offset_groups * KH * KW, OH, OW) weighs what it reads.
    """

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int = 1
    offset_groups: int = 1

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        offset: TensorType,
        bias: TensorType | None = None,
        mask: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        if x.rank != 4 or weight.rank != 4 or not x.is_float or 0 in x.shape[2:]:
            raise ShapeError(f"needs maps and weights of two spatial dimensions, found {x} and {weight}")
        inputs, outputs = x.shape[1], weight.ints[0]
        if self.groups < 1 or inputs != weight.shape[1] * self.groups or outputs % self.groups:
            raise ShapeError(f"input {x} does not fit weight {weight} in {self.groups} groups")
        spatial = Window(weight.ints[2:], self.strides, self.dilations, self.pads).output_dims(x.shape[2:])
        taps = self.offset_groups * prod(weight.ints[2:])
        if self.offset_groups < 1 or inputs % self.offset_groups or offset.shape != (x.shape[0], 2 * taps, *spatial):
            raise ShapeError(f"offset {offset} does not fit {x} and {weight} in {self.offset_groups} groups")
        if mask is not None and mask.shape != (x.shape[0], taps, *spatial):
            raise ShapeError(f"mask {mask} does not fit offset {offset}")
        if bias is not None and bias.shape != (outputs,):
            raise ShapeError(f"bias {bias} must have one element for each of {outputs} outputs")
        if any(known is not None and known.dtype != x.dtype for known in (weight, offset, bias, mask)):
            raise ShapeError(f"all inputs must be {x.dtype}")
        return (x.with_shape((x.shape[0], outputs, *spatial)),)

    def run(
        self, x: Array, weight: Array, offset: Array, bias: Array | None = None, mask: Array | None = None
    ) -> Array:
        samples, (outputs, channels, *kernel), spatial = x.shape[0], weight.shape, offset.shape[2:]
        apart = samples * self.offset_groups
        moves = offset.reshape(apart, prod(kernel), 2, *spatial)
        points = [(moves[:, :, axis] + self._places(axis, kernel, spatial)).reshape(apart, -1) for axis in range(2)]
        maps = x.reshape(apart, x.shape[1] // self.offset_groups, *x.shape[2:])
        read = sample_points(maps, points, "linear").reshape(apart, maps.shape[1], prod(kernel), -1)
        if mask is not None:
            read = read * mask.reshape(apart, 1, prod(kernel), -1)
        columns = read.reshape(samples, self.groups, channels * prod(kernel), -1)
        y = np.matmul(weight.reshape(self.groups, outputs // self.groups, -1), columns)
        y = y.reshape(samples, outputs, *spatial)
        return np.asarray(y if bias is None else y + bias[:, None, None], x.dtype)

    def _places(self, axis: int, kernel: Sequence[int], spatial: Sequence[int]) -> Array:
        """Where the taps lie along an axis, without offset: (taps, OH or 1, OW or 1)."""
        tap = np.indices(kernel)[axis].reshape(-1, 1, 1) * self.dilations[axis]
        out = np.arange(spatial[axis]) * self.strides[axis] - self.pads[axis]
        return np.asarray(tap + (out[:, None] if axis == 0 else out), np.float32)


@onnx_rule("DeformConv", since=19)
def import_deform_conv(
    x: Ref,
    weight: Ref,
    offset: Ref,
    bias: Ref | None = None,
    mask: Ref | None = None,
    *,
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    offset_group: int = 1,
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
) -> Expr:
    """Deformable convolution in two dimensions."""
    if kernel_shape and tuple(kernel_shape) != weight.type.shape[2:]:
        raise Unsupported(f"its kernel_shape {tuple(kernel_shape)} is not that of the weight {weight.type}")
    op = DeformConv(tuple(strides), tuple(pads), tuple(dilations), group, offset_group)
    return op(x, weight, offset, bias, mask)
