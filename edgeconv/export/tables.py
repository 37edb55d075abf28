"""The tables of a `.edge` file, built with a FlatBuffers builder that the caller passes in.

A builder writes from the end of the file to its start, children before parents. Whatever occurs twice (strings,
vectors, quantizations, operators, buffers) is written once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeconv.core import DTYPES, Array, Dim, QParams, SymbolicDim
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InternalError
from edgeconv.ops.base import Operator
from edgeconv.runtime.attributes import AttributeValue, stored_attributes
from edgeconv.runtime.container import Payload, structure_digest
from edgeconv.runtime.layout import (
    ALIGNMENT,
    DIGEST_BYTES,
    FORMAT_VERSION,
    IDENTIFIER,
    MAX_ATTRIBUTE_ITEMS,
    MAX_DIM,
    MAX_FILE_BYTES,
    AttributeKind,
    AttributeSlot,
    BufferSlot,
    EntrySlot,
    ModelSlot,
    OperatorSlot,
    QuantizationSlot,
    StepSlot,
    TensorSlot,
)
from edgeconv.runtime.program import Program, Step, Tensor

__all__ = ["build_file"]


def build_file(program: Program, flatbuffers: Any) -> memoryview:
    """The bytes of the file, in the builder's own memory: about as much as the file is large."""
    payloads = _Payloads(program)
    size = payloads.nbytes + _structure_estimate(program)
    if payloads.nbytes > MAX_FILE_BYTES:
        raise EdgeconvError(f"the model has {payloads.nbytes} bytes of constants, a .edge file holds at most 2 GiB")
    builder = flatbuffers.Builder(min(size, MAX_FILE_BYTES))
    try:
        return _Writer(builder, program, payloads).finish()
    except flatbuffers.builder.BuilderSizeError as error:
        raise EdgeconvError("the model does not fit into a .edge file, which holds at most 2 GiB") from error


def _structure_estimate(program: Program) -> int:
    """Bytes that the structure will hardly exceed; where it does, the builder grows."""
    names = sum(len(tensor.name) for tensor in program.tensors) + sum(len(step.name) for step in program.steps)
    scales = sum(len(tensor.type.q.scale) for tensor in program.tensors if tensor.type.q is not None)
    texts = sum(len(key) + len(value) for key, value in program.metadata.items())
    return 4096 + 4 * (names + texts) + 8 * scales + 256 * (len(program.tensors) + len(program.steps))


class _Payloads:
    """The constants' bytes, equal ones once, in the order of their first use."""

    def __init__(self, program: Program) -> None:
        self.data: list[Array] = []
        self.digests: list[bytes] = []
        self.index: dict[int, int] = {}
        known: dict[tuple[bytes, int], int] = {}
        for number, tensor in enumerate(program.tensors):
            if tensor.data is None:
                continue
            raw = _raw_bytes(tensor, tensor.data)
            digest = hashlib.sha256(raw.data).digest()
            position = known.setdefault((digest, raw.size), len(self.data))
            if position == len(self.data):
                self.data.append(raw)
                self.digests.append(digest[:DIGEST_BYTES])
            self.index[number] = position

    @property
    def nbytes(self) -> int:
        """Bytes of all payloads with their padding."""
        return sum(raw.size + ALIGNMENT + 4 for raw in self.data)


def _raw_bytes(tensor: Tensor, data: Array) -> Array:
    """The constant as bytes, little-endian and in C order; a view where it is so already."""
    if data.dtype.name != tensor.type.dtype or data.shape != tensor.type.shape:
        raise InternalError(f"constant {tensor.name!r} is {data.dtype}{list(data.shape)}, declared as {tensor.type}")
    stored = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
    return stored.reshape(-1).view(np.uint8)


class _Writer:
    """One file in the making. Every method that returns an int returns the builder's offset of what it wrote."""

    def __init__(self, builder: Any, program: Program, payloads: _Payloads) -> None:
        self._builder, self._program, self._payloads = builder, program, payloads
        self._written: dict[Any, int] = {}

    def finish(self) -> memoryview:
        """Write everything, then put the structure digest in its place."""
        data = [self._payload(raw) for raw in reversed(self._payloads.data)][::-1]
        root, digest_offset = self._model(data)
        self._builder.Finish(root, IDENTIFIER)
        whole, head = self._builder.Bytes, int(self._builder.Head())
        view = memoryview(whole)[head:]
        if len(view) > MAX_FILE_BYTES:
            raise EdgeconvError(f"the model makes a file of {len(view)} bytes, a .edge file holds at most 2 GiB")
        payloads = [
            Payload(len(view) - offset + 4, raw.size, b"")
            for offset, raw in zip(data, self._payloads.data, strict=True)
        ]
        place = len(view) - digest_offset
        view[place : place + DIGEST_BYTES] = structure_digest(view, payloads, place)
        return view.toreadonly()

    def _model(self, data: Sequence[int]) -> tuple[int, int]:
        """(model, its digest)."""
        program, builder = self._program, self._builder
        operators: dict[str, int] = {}
        keys = [_operator_key(step.op) for step in program.steps]
        distinct = [step.op for step, key in zip(program.steps, keys, strict=True) if _is_new(operators, key)]
        steps = self._tables([self._step(step, operators[key]) for step, key in zip(program.steps, keys, strict=True)])
        tensors = self._tables([self._tensor(number, tensor) for number, tensor in enumerate(program.tensors)])
        fields = {
            ModelSlot.METADATA: self._tables([self._entry(*item) for item in sorted(program.metadata.items())]),
            ModelSlot.OUTPUTS: self._numbers(program.outputs, "<i4"),
            ModelSlot.INPUTS: self._numbers(program.inputs, "<i4"),
            ModelSlot.STEPS: steps,
            ModelSlot.BUFFERS: self._tables([self._buffer(number, offset) for number, offset in enumerate(data)]),
            ModelSlot.TENSORS: tensors,
            ModelSlot.OPERATORS: self._tables([self._operator(op) for op in distinct]),
        }
        builder.StartObject(len(ModelSlot))
        builder.PrependUint16Slot(ModelSlot.VERSION, FORMAT_VERSION, 0)
        digest_offset = self._place_digest(ModelSlot.DIGEST, bytes(DIGEST_BYTES))
        self._place_offsets(fields)
        return int(builder.EndObject()), digest_offset

    def _operator(self, op: Operator) -> int:
        attributes = self._tables([self._attribute(*item) for item in stored_attributes(op)])
        name = self._text(type(op).__name__)
        self._builder.StartObject(len(OperatorSlot))
        self._place_offsets({OperatorSlot.NAME: name, OperatorSlot.ATTRIBUTES: attributes})
        return int(self._builder.EndObject())

    def _attribute(self, name: str, kind: AttributeKind, value: AttributeValue) -> int:
        if isinstance(value, tuple) and len(value) > MAX_ATTRIBUTE_ITEMS:
            raise InternalError(f"attribute {name!r} has {len(value)} items, a file holds {MAX_ATTRIBUTE_ITEMS}")
        return self._once(("attribute", name, kind, repr(value)), lambda: self._new_attribute(name, kind, value))

    def _new_attribute(self, name: str, kind: AttributeKind, value: Any) -> int:
        builder, offsets = self._builder, {AttributeSlot.NAME: self._text(name)}
        if kind is AttributeKind.STRING:
            offsets[AttributeSlot.TEXT] = self._text(value)
        elif kind is AttributeKind.INTS:
            offsets[AttributeSlot.INTEGERS] = self._numbers(value, "<i8")
        elif kind is AttributeKind.FLOATS:
            offsets[AttributeSlot.REALS] = self._numbers(value, "<f8")
        elif kind is AttributeKind.STRINGS:
            offsets[AttributeSlot.TEXTS] = self._texts(value)
        builder.StartObject(len(AttributeSlot))
        builder.PrependUint8Slot(AttributeSlot.KIND, int(kind), 0)
        self._place_offsets(offsets)
        if kind in (AttributeKind.INT, AttributeKind.BOOL):
            builder.PrependInt64Slot(AttributeSlot.INTEGER, int(value), 0)
        elif kind is AttributeKind.FLOAT:
            builder.PrependFloat64(value)  # even a zero: -0.0 is not the default
            builder.Slot(AttributeSlot.REAL)
        return int(builder.EndObject())

    def _tensor(self, number: int, tensor: Tensor) -> int:
        offsets = {
            TensorSlot.NAME: self._text(tensor.name),
            TensorSlot.SHAPE: self._numbers([_stored_dim(dim, tensor) for dim in tensor.type.shape], "<i4"),
            TensorSlot.QUANTIZATION: self._quantization(tensor.type.q, tensor),
        }
        if number in self._program.inputs:
            offsets[TensorSlot.SYMBOLS] = self._texts(
                [_symbol_name(dim, tensor) for dim in tensor.type.shape if isinstance(dim, SymbolicDim)]
            )
        self._builder.StartObject(len(TensorSlot))
        self._builder.PrependUint8Slot(TensorSlot.DTYPE, DTYPES.index(tensor.type.dtype), 0)
        self._builder.PrependInt32Slot(TensorSlot.BUFFER, self._payloads.index.get(number, -1), -1)
        self._place_offsets(offsets)
        return int(self._builder.EndObject())

    def _quantization(self, q: QParams | None, tensor: Tensor) -> int:
        if q is None:
            return 0
        if tuple(np.array(q.scale, np.float32).tolist()) != q.scale:
            raise InternalError(f"the scale of {tensor.name!r} is not a float32 number")
        return self._once(("quantization", q), lambda: self._new_quantization(q))

    def _new_quantization(self, q: QParams) -> int:
        offsets = {
            QuantizationSlot.SCALES: self._numbers(q.scale, "<f4"),
            QuantizationSlot.ZERO_POINTS: self._numbers(q.zero_point if any(q.zero_point) else (), "<i4"),
        }
        self._builder.StartObject(len(QuantizationSlot))
        self._builder.PrependInt16Slot(QuantizationSlot.AXIS, -1 if q.axis is None else q.axis, -1)
        self._place_offsets(offsets)
        return int(self._builder.EndObject())

    def _buffer(self, number: int, data: int) -> int:
        self._builder.StartObject(len(BufferSlot))
        self._place_digest(BufferSlot.DIGEST, self._payloads.digests[number])
        self._place_offsets({BufferSlot.DATA: data})
        return int(self._builder.EndObject())

    def _step(self, step: Step, operator: int) -> int:
        offsets = {
            StepSlot.NAME: self._text(step.name) if step.name else 0,
            StepSlot.OUTPUTS: self._numbers(step.outputs, "<i4"),
            StepSlot.INPUTS: self._numbers(step.inputs, "<i4"),
        }
        self._builder.StartObject(len(StepSlot))
        self._builder.PrependUint32Slot(StepSlot.OPERATOR_INDEX, operator, 0)
        self._place_offsets(offsets)
        return int(self._builder.EndObject())

    def _entry(self, key: str, value: str) -> int:
        offsets = {EntrySlot.KEY: self._text(key), EntrySlot.VALUE: self._text(value)}
        self._builder.StartObject(len(EntrySlot))
        self._place_offsets(offsets)
        return int(self._builder.EndObject())

    def _payload(self, raw: Array) -> int:
        builder = self._builder
        builder.StartVector(1, raw.size, ALIGNMENT)
        start = builder.head - raw.size
        builder.Bytes[start : builder.head] = raw.data
        builder.head = start
        return int(builder.EndVector())

    def _text(self, text: str) -> int:
        try:
            return self._once(("text", text), lambda: int(self._builder.CreateString(text)))
        except UnicodeEncodeError as error:
            raise InternalError(f"the name {text!r} cannot be written as UTF-8") from error

    def _numbers(self, values: Sequence[float], stored: str) -> int:
        """A vector of numbers of the NumPy type `stored`; 0, so that the field is left out, where it is empty."""
        if not values:
            return 0
        array = np.array(values, stored)
        return self._once((stored, array.tobytes()), lambda: int(self._builder.CreateNumpyVector(array)))

    def _texts(self, texts: Sequence[str]) -> int:
        return self._tables([self._text(text) for text in texts])

    def _tables(self, offsets: Sequence[int]) -> int:
        """A vector of offsets; 0 where it is empty."""
        if not offsets:
            return 0
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _place_offsets(self, offsets: dict[Any, int]) -> None:
        for slot, offset in offsets.items():
            self._builder.PrependUOffsetTRelativeSlot(slot, offset, 0)

    def _place_digest(self, slot: int, digest: bytes) -> int:
        """A Digest struct inside the table being built."""
        builder = self._builder
        builder.Prep(1, DIGEST_BYTES)
        builder.head -= DIGEST_BYTES
        builder.Bytes[builder.head : builder.head + DIGEST_BYTES] = digest
        offset = int(builder.Offset())
        builder.PrependStructSlot(slot, offset, 0)
        return offset

    def _once(self, key: Any, write: Callable[[], int]) -> int:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]


def _operator_key(op: Operator) -> str:
    return repr((type(op).__name__, stored_attributes(op)))


def _is_new(numbers: dict[str, int], key: str) -> bool:
    """Give `key` the next number; False where it has one."""
    return key not in numbers and numbers.setdefault(key, len(numbers)) >= 0


def _stored_dim(dim: Dim, tensor: Tensor) -> int:
    if isinstance(dim, SymbolicDim):
        return -1
    if not 0 <= dim <= MAX_DIM:
        raise InternalError(f"tensor {tensor.name!r} has the shape {tensor.type}, which a file cannot hold")
    return int(dim)


def _symbol_name(dim: SymbolicDim, tensor: Tensor) -> str:
    """The name of an input's symbolic dimension; anything but a plain symbol would not come back as it is."""
    name = str(dim)
    if symbol(name) != dim:
        raise InternalError(f"input {tensor.name!r} has the dimension {dim}, which is not a plain symbol")
    return name
