"""Transpose: dimensions in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.jobs import cast
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["Transpose"]


@dataclass(frozen=True)
class Transpose(Operator):
    """Output dimension i is input dimension perm[i]."""

    perm: tuple[int, ...]

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if sorted(self.perm) != list(range(x.rank)):
            raise ShapeError(f"perm {self.perm} is no permutation of the {x.rank} dimensions of {x}")
        return (x.with_shape(tuple(x.shape[axis] for axis in self.perm)),)

    def run(self, x: Array) -> Array:
        return x.transpose(self.perm)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        return cast(outputs[0].array, inputs[0].array.transpose(self.perm))


@onnx_rule("Transpose")
def import_transpose(x: Ref, *, perm: Sequence[int] = ()) -> Expr:
    """ONNX's default reverses the dimensions."""
    return Transpose(tuple(perm) or tuple(reversed(range(x.type.rank))))(x)
