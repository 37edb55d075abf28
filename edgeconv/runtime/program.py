"""Program: what a `.edge` file says, as plain data. Reader and exporter make it, interpreter and writer take it."""

from __future__ import annotations

from collections.abc import Mapping

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Operator
from edgeconv.records import dataclass, field

__all__ = ["ABSENT", "Program", "Step", "Tensor"]

ABSENT = -1
"""The tensor index of an optional input that is not there."""


@dataclass(frozen=True)
class Tensor:
    """One value of the program; `type.value` holds the data of a constant. The name is ONNX's, where there is one."""

    name: str
    type: TensorType

    @property
    def data(self) -> Array | None:
        """The constant's values, or None for an activation."""
        return self.type.value


@dataclass(frozen=True)
class Step:
    """One operator applied to tensors, by index; `name` is the ONNX node that users know."""

    op: Operator
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = ""


@dataclass(frozen=True)
class Program:
    """Tensors, steps in execution order, inputs and outputs by tensor index, and what is known of the origin.

    `metadata` is free text by key: producer, source digest, calibration digest, options.
    """

    tensors: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
