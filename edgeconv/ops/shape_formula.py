"""ShapeFormula: dimensions computed from those of several tensors, such as height times width, as int64."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.ops.base import Operator, ShapeError
from edgeconv.records import dataclass

__all__ = ["ADD", "CONSTANT", "DIMENSION", "DIVIDE", "MULTIPLY", "ShapeFormula"]

CONSTANT, DIMENSION, ADD, MULTIPLY, DIVIDE = range(5)
"""What an instruction (word, a, b) does to the stack: push a; push dimension b of input a; the others combine two."""

_LONGEST = 4096


@dataclass(frozen=True)
class ShapeFormula(Operator):
    """What `code`, instructions of three numbers each, leaves on a stack, as an int64 array of `shape`."""

    code: tuple[int, ...]
    shape: tuple[int, ...]

    def infer(self, *sources: TensorType) -> tuple[TensorType, ...]:
        if len(self.code) % 3 or len(self.code) > 3 * _LONGEST:
            raise ShapeError(f"its code has {len(self.code)} numbers, not three each for at most {_LONGEST} steps")
        stack: list[Dim] = []
        for word, a, b in zip(self.code[::3], self.code[1::3], self.code[2::3], strict=True):
            self._step(stack, word, a, b, sources)
        dtype = "int64" if all(isinstance(entry, int) for entry in stack) else "object"
        value = np.empty(len(stack), dtype)
        value[:] = stack
        return (TensorType("int64", self.shape, value=value.reshape(self.shape)),)

    @staticmethod
    def _step(stack: list[Dim], word: int, a: int, b: int, sources: tuple[TensorType, ...]) -> None:
        if word in (CONSTANT, DIMENSION):
            stack.append(a if word == CONSTANT else sources[a].shape[b])
            return
        right, left = stack.pop(), stack.pop()
        if word not in (ADD, MULTIPLY, DIVIDE):
            raise ShapeError(f"its code has the instruction {word}, which is not known")
        stack.append(left + right if word == ADD else left * right if word == MULTIPLY else left // right)

    def run(self, *sources: Array) -> Array:
        return np.asarray(self.infer(*(TensorType(x.dtype.name, x.shape) for x in sources))[0].value)
