"""Sliding windows over NC+spatial tensors of any rank: the attributes shared by convolution and pooling."""

from __future__ import annotations

from edgeconv.core import Dim, Shape
from edgeconv.ops.base import ShapeError
from edgeconv.records import dataclass

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """Kernel extents, strides, dilations and pads (begins, then ends) over the spatial dimensions."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    def check(self, spatial: int) -> None:
        """Raise ShapeError unless every attribute has one positive entry per spatial dimension."""
        for name, values in (("kernel", self.kernel), ("strides", self.strides), ("dilations", self.dilations)):
            if len(values) != spatial or min(values, default=1) < 1:
                raise ShapeError(f"{name} {values} must be {spatial} positive integers")
        if len(self.pads) != 2 * spatial or min(self.pads, default=0) < 0:
            raise ShapeError(f"pads {self.pads} must be {2 * spatial} integers, none negative")

    def output_dims(self, spatial: Shape, ceil_mode: bool = False) -> Shape:
        """Spatial output dimensions for spatial input dimensions."""
        self.check(len(spatial))
        return tuple(self._output_dim(axis, dim, ceil_mode) for axis, dim in enumerate(spatial))

    def _output_dim(self, axis: int, dim: Dim, ceil_mode: bool) -> Dim:
        begin, end = self.pads[axis], self.pads[axis + len(self.kernel)]
        stride, span = self.strides[axis], self.dilations[axis] * (self.kernel[axis] - 1) + 1
        room = dim + begin + end - span
        if isinstance(room, int) and room < 0:
            raise ShapeError(f"a window of {span} does not fit a padded dimension of {dim + begin + end}")
        out = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
        if ceil_mode and isinstance(out, int) and isinstance(dim, int) and (out - 1) * stride >= dim + begin:
            out -= 1  # ONNX: a window that would start in the end padding is dropped
        return out
