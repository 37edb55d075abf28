"""ReverseSequence: the first elements of each sequence of a batch in reverse order."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError
from edgeconv.ops.axes import normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["ReverseSequence"]


@dataclass(frozen=True)
class ReverseSequence(Operator):
    """Of sequence b, the first lengths[b] elements turned round. The axes are 0 and 1, in either order."""

    batch_axis: int = 1
    time_axis: int = 0

    def infer(self, x: TensorType, lengths: TensorType) -> tuple[TensorType, ...]:
        if sorted((self.batch_axis, self.time_axis)) != [0, 1] or x.rank < 2:
            raise ShapeError(f"axes {self.batch_axis} and {self.time_axis} of {x} must be 0 and 1")
        if not fits(lengths.shape, (x.shape[self.batch_axis],)) or lengths.dtype not in ("int32", "int64"):
            raise ShapeError(f"lengths {lengths} must be integers, one for each sequence of {x}")
        return (x.with_shape(x.shape),)

    def run(self, x: Array, lengths: Array) -> Array:
        if lengths.size and (lengths.min() < 0 or lengths.max() > x.shape[self.time_axis]):
            raise DataError(f"lengths {lengths.tolist()} exceed the {x.shape[self.time_axis]} steps that there are")
        rows = np.moveaxis(x.copy(), self.batch_axis, 0)
        for row, length in zip(rows, lengths.tolist(), strict=True):
            row[:length] = row[:length][::-1].copy()
        return np.moveaxis(rows, 0, self.batch_axis)


@onnx_rule("ReverseSequence", since=10)
def import_reverse_sequence(x: Ref, lengths: Ref, *, batch_axis: int = 1, time_axis: int = 0) -> Expr:
    """Sequences turned round up to their lengths."""
    rank = x.type.rank
    return ReverseSequence(normal_axis(batch_axis, rank), normal_axis(time_axis, rank))(x, lengths)
