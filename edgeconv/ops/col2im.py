"""Col2Im: blocks added back into the image from which a sliding window took them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.axes import constant_ints
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.binary import check_kind
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.pool_taps import axis_taps, import_window
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["Col2Im"]


@dataclass(frozen=True)
class Col2Im(Operator):
    """x (N, C * elements of a block, blocks) -> (N, C, *image), where overlapping elements are added."""

    image: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    @property
    def window(self) -> Window:
        """The sliding window over the image."""
        return Window(self.kernel, self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 3 or min(self.image, default=0) < 1:
            raise ShapeError(f"needs (batch, block, blocks) and an image, found {x} and {self.image}")
        check_kind(x, "fiu")
        blocks, elements = prod(self.window.output_dims(self.image)), prod(self.kernel)
        if x.shape[2] != blocks or not isinstance(x.shape[1], int) or x.shape[1] % elements:
            raise ShapeError(f"{x} is not made of {blocks} blocks of {elements} elements")
        return (x.with_shape((x.shape[0], x.shape[1] // elements, *self.image)),)

    def run(self, x: Array) -> Array:
        window, channels = self.window, x.shape[1] // prod(self.kernel)
        out = self.infer(TensorType("float32", x.shape))[0].ints[:2]
        blocks = [int(str(dim)) for dim in window.output_dims(self.image)]
        source = x.reshape(x.shape[0], channels, *self.kernel, *blocks)
        y = np.zeros((*out, *self.image), x.dtype)
        axes = [axis_taps(window, axis, size, blocks[axis]).parts for axis, size in enumerate(self.image)]
        for taps in product(*axes):
            places, targets, into = zip(*taps, strict=True)
            y[(slice(None), slice(None), *into)] += source[(slice(None), slice(None), *places, *targets)]
        return y


@onnx_rule("Col2Im", since=18)
def import_col2im(
    x: Ref,
    image_shape: Ref,
    block_shape: Ref,
    *,
    dilations: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """Col2Im for a constant image and block."""
    window = import_window(constant_ints(block_shape, "block_shape"), strides, dilations, pads)
    image = constant_ints(image_shape, "image_shape")
    return Col2Im(image, window.kernel, window.strides, window.dilations, window.pads)(x)
