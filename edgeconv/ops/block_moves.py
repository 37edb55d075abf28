"""DepthToSpace and SpaceToDepth: blocks of a plane into channels and back; the elements are moved, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["DepthToSpace", "SpaceToDepth"]


@dataclass(frozen=True)
class _BlockMove(Operator):
    """x (N, C, H, W), blocks of `block` by `block` elements.

    A block's elements are the outermost part of the channels (ONNX's DCR), or the innermost (CRD).
    """

    block: int
    innermost: bool = False

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True

    def split(self, x: Array) -> Array:
        """x as a view of rank 6, its axes in the output's order."""
        raise NotImplementedError

    def run(self, x: Array) -> Array:
        out = self.infer(TensorType(x.dtype.name, x.shape))[0].ints
        return self.split(x).reshape(out)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        source = self.split(inputs[0].array)
        target = outputs[0].array.reshape(source.shape)

        def kernel() -> None:
            np.copyto(target, source)

        return kernel


class DepthToSpace(_BlockMove):
    """Channels become blocks."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        square = self.block * self.block
        if x.rank != 4 or self.block < 1 or not isinstance(x.shape[1], int) or x.shape[1] % square:
            raise ShapeError(f"needs rank 4 and channels in multiples of {square}, found {x}")
        batch, channels, height, width = x.shape
        return (x.with_shape((batch, channels // square, height * self.block, width * self.block)),)

    def split(self, x: Array) -> Array:
        batch, channels, height, width = x.shape
        block, depth = self.block, channels // (self.block * self.block)
        if self.innermost:
            return x.reshape(batch, depth, block, block, height, width).transpose(0, 1, 4, 2, 5, 3)
        return x.reshape(batch, block, block, depth, height, width).transpose(0, 3, 4, 1, 5, 2)


class SpaceToDepth(_BlockMove):
    """Blocks become channels."""

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        known = [dim for dim in x.shape[2:] if isinstance(dim, int)]
        if x.rank != 4 or self.block < 1 or any(dim % self.block for dim in known):
            raise ShapeError(f"needs rank 4 and planes of whole blocks of {self.block}, found {x}")
        batch, channels, height, width = x.shape
        block = self.block
        return (x.with_shape((batch, channels * (block * block), height // block, width // block)),)

    def split(self, x: Array) -> Array:
        batch, channels, height, width = x.shape
        block = self.block
        rows = x.reshape(batch, channels, height // block, block, width // block, block)
        return rows.transpose(0, 1, 3, 5, 2, 4) if self.innermost else rows.transpose(0, 3, 5, 1, 2, 4)


@onnx_rule("DepthToSpace")
def import_depth_to_space(x: Ref, *, blocksize: int, mode: str = "DCR") -> Expr:
    """Channels into blocks; CRD is PyTorch's PixelShuffle."""
    return DepthToSpace(blocksize, _is_innermost(mode))(x)


@onnx_rule("SpaceToDepth")
def import_space_to_depth(x: Ref, *, blocksize: int, mode: str = "DCR") -> Expr:
    """Blocks into channels; older opsets only know DCR."""
    return SpaceToDepth(blocksize, _is_innermost(mode))(x)


def _is_innermost(mode: str) -> bool:
    if mode not in ("DCR", "CRD"):
        raise Unsupported(f"its mode {mode!r} is none of DCR, CRD")
    return mode == "CRD"
