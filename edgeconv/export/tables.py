"""The tables of a `.edge` file. The `flatbuffers` module is passed in by `edge`, its only importer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeconv.core import DTYPES, Dim, QParams, SymbolicDim
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InternalError
from edgeconv.export.builder import Sink
from edgeconv.export.payloads import Payloads
from edgeconv.ops.base import Operator
from edgeconv.runtime.attributes import AttributeValue, stored_attributes
from edgeconv.runtime.container import Payload, structure_digest
from edgeconv.runtime.layout import (
    ALIGNMENT,
    BUFFER_STRUCT,
    DEFAULT_DTYPE,
    DIGEST_BYTES,
    FORMAT_VERSION,
    IDENTIFIER,
    MAX_ATTRIBUTE_ITEMS,
    MAX_DIM,
    MAX_FILE_BYTES,
    QUANTIZATION_STRUCT,
    AttributeKind,
    AttributeSlot,
    AxisQuantizationSlot,
    EntrySlot,
    ModelSlot,
    OperatorSlot,
    StepSlot,
    TensorSlot,
)
from edgeconv.runtime.program import Program, Step, Tensor

__all__ = ["build_file"]

_TOO_LARGE = "the model does not fit into a .edge file, which holds at most 2 GiB"


def build_file(program: Program, flatbuffers: Any) -> memoryview:
    """The bytes of the file, in the builder's own memory: about as much as the file is large."""
    constants = {id(tensor.data): tensor.data.nbytes for tensor in program.tensors if tensor.data is not None}
    if sum(constants.values()) > MAX_FILE_BYTES:
        raise EdgeconvError(_TOO_LARGE)
    payloads = Payloads(program)
    expected = payloads.size + _structure_estimate(program)
    try:
        return _Writer(Sink(flatbuffers.Builder(min(expected, MAX_FILE_BYTES))), program, payloads).finish()
    except flatbuffers.builder.BuilderSizeError as error:
        raise EdgeconvError(_TOO_LARGE) from error


def _structure_estimate(program: Program) -> int:
    """Bytes that the structure will hardly exceed; where it does, the builder grows."""
    names = sum(len(tensor.name) for tensor in program.tensors) + sum(len(step.name) for step in program.steps)
    scales = sum(len(tensor.type.q.scale) for tensor in program.tensors if tensor.type.q is not None)
    texts = sum(len(key) + len(value) for key, value in program.metadata.items())
    return 4096 + 4 * (names + texts) + 8 * scales + 256 * (len(program.tensors) + len(program.steps))


class _Writer:
    """One file in the making. Every method that returns an int returns the offset of what it wrote."""

    def __init__(self, sink: Sink, program: Program, payloads: Payloads) -> None:
        self._sink, self._program, self._payloads = sink, program, payloads
        self._operators: dict[str, int] = {}

    def finish(self) -> memoryview:
        """Write everything, then put the structure digest in its place."""
        payloads, builder = self._payloads, self._sink.builder
        data = self._sink.chunks(payloads.chunks, payloads.size, ALIGNMENT)
        root, digest = self._model(data)
        builder.Finish(root, IDENTIFIER)
        view = memoryview(builder.Bytes)[int(builder.Head()) :]
        if len(view) > MAX_FILE_BYTES:
            raise EdgeconvError(_TOO_LARGE)
        start, place = len(view) - data + 4, len(view) - digest
        spans = [Payload(start + offset, raw.size, b"") for offset, raw in payloads.chunks]
        view[place : place + DIGEST_BYTES] = structure_digest(view, spans, place)
        return view.toreadonly()

    def _model(self, data: int) -> tuple[int, int]:
        """(the root table, its digest). What is written last comes first in the file."""
        program, sink = self._program, self._sink
        metadata = sink.offsets([self._entry(*item) for item in sorted(program.metadata.items())])
        steps = sink.offsets([self._step(step) for step in program.steps])
        tensors = sink.offsets([self._tensor(number, tensor) for number, tensor in enumerate(program.tensors)])
        fields = {
            ModelSlot.METADATA: metadata,
            ModelSlot.OUTPUTS: sink.numbers(program.outputs, "<i4"),
            ModelSlot.INPUTS: sink.numbers(program.inputs, "<i4"),
            ModelSlot.STEPS: steps,
            ModelSlot.DATA: data,
            ModelSlot.BUFFERS: self._buffers(),
            ModelSlot.TENSORS: tensors,
            ModelSlot.OPERATORS: sink.offsets(list(self._operators.values())),
        }
        digest = 0

        def scalars(builder: Any) -> None:
            nonlocal digest
            builder.PrependUint16Slot(ModelSlot.VERSION, FORMAT_VERSION, 0)
            digest = sink.struct(ModelSlot.DIGEST, f"{DIGEST_BYTES}s", 1, b"")

        return sink.table(ModelSlot, fields, scalars), digest

    def _buffers(self) -> int:
        payloads = self._payloads
        items = [
            (offset, raw.size, digest) for (offset, raw), digest in zip(payloads.chunks, payloads.digests, strict=True)
        ]
        return self._sink.structs(BUFFER_STRUCT, items)

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
        key = repr((type(op).__name__, attributes))
        if key not in self._operators:
            self._operators[key] = self._operator(type(op).__name__, attributes)
        return list(self._operators).index(key)

    def _operator(self, name: str, attributes: Sequence[tuple[str, AttributeKind, AttributeValue]]) -> int:
        sink = self._sink
        offsets = [sink.once(("attribute", repr(item)), partial(self._attribute, *item)) for item in attributes]
        fields = {OperatorSlot.NAME: sink.text(name), OperatorSlot.ATTRIBUTES: sink.offsets(offsets)}
        return sink.table(OperatorSlot, fields)

    def _attribute(self, name: str, kind: AttributeKind, value: Any) -> int:
        sink, fields = self._sink, {AttributeSlot.NAME: self._sink.text(name)}
        if isinstance(value, tuple) and len(value) > MAX_ATTRIBUTE_ITEMS:
            raise InternalError(f"attribute {name!r} has {len(value)} items, a file holds {MAX_ATTRIBUTE_ITEMS}")
        if kind is AttributeKind.STRING:
            fields[AttributeSlot.TEXT] = sink.text(value)
        elif kind is AttributeKind.INTS:
            fields[AttributeSlot.INTEGERS] = sink.numbers(value, "<i8")
        elif kind is AttributeKind.FLOATS:
            fields[AttributeSlot.REALS] = sink.numbers(value, "<f8")
        elif kind is AttributeKind.STRINGS:
            fields[AttributeSlot.TEXTS] = sink.texts(value)

        def scalars(builder: Any) -> None:
            builder.PrependUint8Slot(AttributeSlot.KIND, int(kind), 0)
            if kind in (AttributeKind.INT, AttributeKind.BOOL):
                builder.PrependInt64Slot(AttributeSlot.INTEGER, int(value), 0)
            elif kind is AttributeKind.FLOAT:
                builder.PrependFloat64(value)  # even a zero: -0.0 is not the default
                builder.Slot(AttributeSlot.REAL)

        return sink.table(AttributeSlot, fields, scalars)

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
            builder.PrependInt32Slot(TensorSlot.BUFFER, self._payloads.index.get(number, -1), -1)
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

    def _entry(self, key: str, value: str) -> int:
        return self._sink.table(
            EntrySlot, {EntrySlot.KEY: self._sink.text(key), EntrySlot.VALUE: self._sink.text(value)}
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
        raise InternalError(f"tensor {tensor.name!r} has the shape {tensor.type}, which a file cannot hold")
    return int(dim)


def _symbols(tensor: Tensor) -> list[str]:
    """Names of an input's symbolic dimensions; anything but a plain symbol would not come back as it is."""
    dims = [dim for dim in tensor.type.shape if isinstance(dim, SymbolicDim)]
    for dim in dims:
        if symbol(str(dim)) != dim:
            raise InternalError(f"input {tensor.name!r} has the dimension {dim}, which is not a plain symbol")
    return [str(dim) for dim in dims]
