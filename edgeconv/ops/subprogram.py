"""Programs inside operators (branches, bodies of loops) as the operators see them; the runtime runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from edgeconv.core import Array, Kernel, TensorType, type_of
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, infer_types
from edgeconv.ops.jobs import chain
from edgeconv.records import dataclass

__all__ = ["Body", "SubStep", "SubTensor", "Subprogram", "evaluate"]

_LIMIT = 1 << 31
"""Bytes for a program that is evaluated while converting."""


@dataclass(frozen=True)
class Body:
    """A planned program: `run` computes the outputs, which are constants, inputs, or in the scratch it was given."""

    outputs: Sequence[Operand]
    run: Kernel


class SubTensor(Protocol):
    """A value of a program."""

    @property
    def type(self) -> TensorType:
        """Its type, with the value of a constant."""


class SubStep(Protocol):
    """One operator of a program, applied to tensors by index; -1 is an absent one."""

    @property
    def op(self) -> Operator:
        """The operator."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """What it reads."""

    @property
    def outputs(self) -> tuple[int, ...]:
        """What it computes."""


class Subprogram(Protocol):
    """An attribute that is a program. Tensors and steps are for import rules, which look into it."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """Its inputs, as tensors."""

    @property
    def outputs(self) -> tuple[int, ...]:
        """Its outputs, as tensors."""

    @property
    def tensors(self) -> Sequence[SubTensor]:
        """All its values."""

    @property
    def steps(self) -> Sequence[SubStep]:
        """Its operators in order."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The types of the outputs; ShapeError names the step at fault."""

    def between(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Subprogram:
        """The same program from and to these of its tensors."""

    def macs(self, inputs: Sequence[TensorType]) -> int:
        """Multiply-accumulate operations of one run; ValueError where they depend on what is not known."""

    def runner(self, limit: int) -> Callable[..., tuple[Array, ...]]:
        """What computes the outputs from arrays of any shapes, planned for these; `limit`: bytes that it may take."""

    def plan(self, inputs: Sequence[Operand], scratch: Scratch) -> Body:
        """Prepare it. It reads the arrays of `inputs` where they are, and keeps its own values in `scratch`."""


def evaluate(op: Operator, arrays: Sequence[Array]) -> tuple[Array, ...]:
    """The outputs of an operator that is planned in any case, because it holds programs."""
    types = [type_of(array) for array in arrays]
    found = infer_types(op, types)
    if not all(known.is_static for known in found):
        results = op.prepare(_LIMIT)(*arrays)
        return results if isinstance(results, tuple) else (results,)
    outputs = [Operand(known, np.empty(known.ints, known.dtype)) for known in found]
    inputs = Inputs([Operand(known, array) for known, array in zip(types, arrays, strict=True)])
    op.plan(inputs, outputs, _FreshMemory())()
    return tuple(operand.array for operand in outputs)


class _FreshMemory:
    """Scratch that is never shared, but for what is kept."""

    def __init__(self) -> None:
        self._kept: dict[object, Array] = {}

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        return np.empty(tuple(shape), dtype)

    def shared(self, key: str, shape: Sequence[int], dtype: str = "float32") -> Array:
        return self(shape, dtype)

    def kept(self, key: str, shape: Sequence[int], dtype: str) -> Array:
        return self._kept.setdefault((key, *shape, dtype), np.zeros(tuple(shape), dtype))

    def hold(self, array: Array) -> Array:
        return array

    is_frugal = False

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        return chain(parts)

    def threads_for(self, macs: int) -> int:
        return 1

    def nested(self) -> _FreshMemory:
        return self
