"""The tables of one program: the model's own, or one inside an operator, whose tables stand inside that operator's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeconv.core import DTYPES, Dim, QParams, SymbolicDim
from edgeconv.dims import symbol
from edgeconv.errors import InternalError, UnsupportedModelError
from edgeconv.export.builder import Sink
from edgeconv.export.payloads import Payloads
from edgeconv.ops.base import Operator
from edgeconv.runtime.attributes import AttributeValue, stored_attributes
from edgeconv.runtime.layout import (
    DEFAULT_DTYPE,
    MAX_ATTRIBUTE_ITEMS,
    MAX_DIM,
    QUANTIZATION_STRUCT,
    AttributeKind,
    AttributeSlot,
    AxisQuantizationSlot,
    OperatorSlot,
    ProgramSlot,
    StepSlot,
    TensorSlot,
)
from edgeconv.runtime.program import Program, Step, Tensor, programs_of

__all__ = ["ProgramTables"]


class ProgramTables:
    """Writes tensors, steps and operators; every method that returns an int returns the offset of what it wrote."""

    def __init__(self, sink: Sink, program: Program, payloads: Payloads) -> None:
        self._sink, self._program, self._payloads = sink, program, payloads
        self._operators: dict[str, int] = {}

    def steps(self) -> int:
        """The list of steps, and on the way the operators that they name."""
        return self._sink.offsets([self._step(step) for step in self._program.steps])

    def tensors(self) -> int:
        """The list of tensors."""
        return self._sink.offsets([self._tensor(number, tensor) for number, tensor in enumerate(self._program.tensors)])

    def operators(self) -> int:
        """The list of operators, once `steps` has written them."""
        return self._sink.offsets(list(self._operators.values()))

    def _step(self, step: Step) -> int:
        sink = self._sink
        fields = {
            StepSlot.NAME: sink.text(step.name) if step.name else 0,
            StepSlot.OUTPUTS: sink.numbers(step.outputs, "<i4"),
            StepSlot.INPUTS: sink.numbers(step.inputs, "<i4"),
        }
        number = self._operator_number(step.op)
        return sink.table(
            StepSlot,
            fields,
            lambda builder: builder.PrependUint32Slot(StepSlot.OPERATOR_INDEX, number, 0),
        )

    def _operator_number(self, op: Operator) -> int:
        """The place of `op` in the list of operators; equal ones share it."""
        attributes = stored_attributes(op)
        key = repr((type(op).__name__, attributes, [id(each) for each in programs_of(op).values()]))
        if key not in self._operators:
            self._operators[key] = self._operator(type(op).__name__, attributes)
        return list(self._operators).index(key)

    def _operator(self, name: str, attributes: Sequence[tuple[str, int, AttributeValue]]) -> int:
        sink = self._sink
        offsets = [
            self._attribute(*item)
            if isinstance(item[2], Program)
            else sink.once(("attribute", repr(item)), partial(self._attribute, *item))
            for item in attributes
        ]
        fields = {OperatorSlot.NAME: sink.text(name), OperatorSlot.ATTRIBUTES: sink.offsets(offsets)}
        return sink.table(OperatorSlot, fields)

    def _attribute(self, name: str, kind: int, value: Any) -> int:
        sink, fields = self._sink, {AttributeSlot.NAME: self._sink.text(name)}
        if isinstance(value, tuple) and len(value) > MAX_ATTRIBUTE_ITEMS:
            raise InternalError(f"attribute {name!r} has {len(value)} items, a file holds {MAX_ATTRIBUTE_ITEMS}")
        if kind == AttributeKind.STRING:
            fields[AttributeSlot.TEXT] = sink.text(value)
        elif kind == AttributeKind.INTS:
            fields[AttributeSlot.INTEGERS] = sink.numbers(value, "<i8")
        elif kind == AttributeKind.FLOATS:
            fields[AttributeSlot.REALS] = sink.numbers(value, "<f8")
        elif kind == AttributeKind.STRINGS:
            fields[AttributeSlot.TEXTS] = sink.texts(value)
        elif kind == AttributeKind.PROGRAM:
            fields[AttributeSlot.PROGRAM] = self._inner(value)

        def scalars(builder: Any) -> None:
            builder.PrependUint8Slot(AttributeSlot.KIND, kind, 0)
            if kind in (AttributeKind.INT, AttributeKind.BOOL):
                builder.PrependInt64Slot(AttributeSlot.INTEGER, int(value), 0)
            elif kind == AttributeKind.FLOAT:
                builder.PrependFloat64(value)  # even a zero: -0.0 is not the default
                builder.Slot(AttributeSlot.REAL)

        return sink.table(AttributeSlot, fields, scalars)

    def _inner(self, program: Program) -> int:
        sink, tables = self._sink, ProgramTables(self._sink, program, self._payloads)
        steps, tensors = tables.steps(), tables.tensors()
        fields = {
            ProgramSlot.OUTPUTS: sink.numbers(program.outputs, "<i4"),
            ProgramSlot.INPUTS: sink.numbers(program.inputs, "<i4"),
            ProgramSlot.STEPS: steps,
            ProgramSlot.TENSORS: tensors,
            ProgramSlot.OPERATORS: tables.operators(),
        }
        return sink.table(ProgramSlot, fields)

    def _tensor(self, number: int, tensor: Tensor) -> int:
        sink, q = self._sink, tensor.type.q
        fields = {
            TensorSlot.NAME: sink.text(tensor.name),
            TensorSlot.SHAPE: sink.numbers([_stored_dim(dim, tensor) for dim in tensor.type.shape], "<i4"),
            TensorSlot.AXIS_QUANTIZATION: 0,
        }
        if number in self._program.inputs:
            fields[TensorSlot.SYMBOLS] = sink.texts(_symbols(tensor))
        if q is not None:
            _check_q(q, tensor.name)
        if q is not None and q.axis is not None:
            fields[TensorSlot.AXIS_QUANTIZATION] = sink.once(("q", q), lambda: self._axis_quantization(q))

        def scalars(builder: Any) -> None:
            builder.PrependUint8Slot(TensorSlot.DTYPE, DTYPES.index(tensor.type.dtype), DTYPES.index(DEFAULT_DTYPE))
            builder.PrependInt32Slot(TensorSlot.BUFFER, self._payloads.index.get(id(tensor), -1), -1)
            if q is not None and q.axis is None:
                sink.struct(TensorSlot.QUANTIZATION, QUANTIZATION_STRUCT, 4, q.scale[0], q.zero_point[0])

        return sink.table(TensorSlot, fields, scalars)

    def _axis_quantization(self, q: QParams) -> int:
        fields = {
            AxisQuantizationSlot.SCALES: self._sink.numbers(q.scale, "<f4"),
            AxisQuantizationSlot.ZERO_POINTS: self._sink.numbers(q.zero_point if any(q.zero_point) else (), "<i4"),
        }
        return self._sink.table(
            AxisQuantizationSlot,
            fields,
            lambda builder: builder.PrependUint16Slot(AxisQuantizationSlot.AXIS, q.axis, 0),
        )


def _check_q(q: QParams, name: str) -> None:
    """Scales must come back as they are, so they must be float32 numbers."""
    with np.errstate(over="ignore"):
        is_exact = tuple(np.array(q.scale, np.float32).tolist()) == q.scale
    if not is_exact or len(q.scale) != len(q.zero_point) or (q.axis is None and len(q.scale) != 1):
        raise InternalError(f"tensor {name!r} has quantization parameters that a file cannot hold: {q}")
    if any(not -(2**31) <= zero_point < 2**31 for zero_point in q.zero_point) or (q.axis is not None and q.axis < 0):
        raise InternalError(f"tensor {name!r} has quantization parameters that a file cannot hold: {q}")


def _stored_dim(dim: Dim, tensor: Tensor) -> int:
    if isinstance(dim, SymbolicDim):
        return -1
    if not 0 <= dim <= MAX_DIM:
        raise UnsupportedModelError(f"tensor {tensor.name!r} is {tensor.type}, more than a file holds; make it smaller")
    return int(dim)


def _symbols(tensor: Tensor) -> list[str]:
    """Names of an input's symbolic dimensions; anything but a plain symbol would not come back as it is."""
    dims = [dim for dim in tensor.type.shape if isinstance(dim, SymbolicDim)]
    for dim in dims:
        if symbol(str(dim)) != dim:
            raise InternalError(f"input {tensor.name!r} has the dimension {dim}, which is not a plain symbol")
    return [str(dim) for dim in dims]
