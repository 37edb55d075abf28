"""Split: one tensor into several along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, is_plain, normal_axis
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Split"]


@dataclass(frozen=True)
class Split(Operator):
    """Parts of these sizes, one output each, in order along `axis`."""

    axis: int
    sizes: tuple[int, ...]

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        if min(self.sizes, default=-1) < 0 or sum(self.sizes) != x.shape[self.axis]:
            raise ShapeError(f"sizes {self.sizes} do not add up to dimension {self.axis} of {x}")
        return tuple(x.with_shape((*x.shape[: self.axis], n, *x.shape[self.axis + 1 :])) for n in self.sizes)

    def run(self, x: Array) -> tuple[Array, ...]:
        return tuple(np.split(x, np.cumsum(self.sizes)[:-1], self.axis))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        parts = self.run(inputs[0].array)
        return chain(cast(y.array, part) for y, part in zip(outputs, parts, strict=True))


@onnx_rule("Split")
def import_split_attribute(
    x: Ref, *, axis: int = 0, split: Sequence[int] = (), outputs: int
) -> tuple[Expr | None, ...]:
    """Split before opset 13: the sizes are an attribute."""
    return _parts(x, normal_axis(axis, x.type.rank), tuple(split), outputs)


@onnx_rule("Split", since=13)
def import_split(
    x: Ref, split: Ref | None = None, *, axis: int = 0, num_outputs: int = 0, outputs: int, label: str = ""
) -> tuple[Expr | None, ...]:
    """Split into parts of given sizes, or into as many equal ones as there are outputs (the last may be smaller)."""
    along = normal_axis(axis, x.type.rank)
    if split is not None and not is_plain(split):
        return _cut_by(x, along, split, outputs, label)
    return _parts(x, along, () if split is None else constant_ints(split, "split"), num_outputs or outputs)


def _cut_by(x: Ref, axis: int, sizes: Ref, count: int, label: str) -> tuple[Expr, ...]:
    """Parts whose sizes are known at run time only."""
    from edgeconv.ops.add import Sub  # while converting only: a device that splits need not load them
    from edgeconv.ops.cum_sum import CumSum
    from edgeconv.ops.slice import Slice, SliceAt

    if sizes.type.shape != (count,):
        raise ShapeError(f"needs {count} sizes, found {sizes.type}")
    ends = CumSum(0)(sizes)
    starts = Sub()(ends, sizes)
    each = [Slice((place,), (place + 1,), (0,), (1,)) for place in range(count)]
    return tuple(SliceAt((axis,), (1,), f"{label}.{n}")(x, cut(starts), cut(ends)) for n, cut in enumerate(each))


def _equal_parts(x: Ref, axis: int, count: int) -> tuple[Expr, ...]:
    """Equal parts of a dimension that is known at run time only."""
    from edgeconv.ops.shape import Dims  # while converting only
    from edgeconv.ops.slice import SliceAt

    bounds = [Dims((place,), (axis,), (0,), (1,), (count - 1,), (count,))(x) for place in range(count + 1)]
    return tuple(SliceAt((axis,), (1,))(x, *pair) for pair in pairwise(bounds))


def _parts(x: Ref, axis: int, sizes: tuple[int, ...], count: int) -> tuple[Expr | None, ...]:
    if not sizes:
        dim = x.type.shape[axis]
        if not isinstance(dim, int):
            return _equal_parts(x, axis, count)
        part = -(-dim // count)
        sizes = tuple(min(part, max(dim - index * part, 0)) for index in range(count))
    call = Split(axis, sizes)(x)
    return tuple(call[index] for index in range(len(sizes)))
