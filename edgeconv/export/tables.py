"""The tables of a `.edge` file. The `flatbuffers` module is passed in by `edge`, its only importer."""

from __future__ import annotations

from typing import Any

from edgeconv.errors import EdgeconvError
from edgeconv.export.builder import Sink
from edgeconv.export.payloads import Payloads
from edgeconv.export.program_tables import ProgramTables
from edgeconv.runtime.layout import (
    ALIGNMENT,
    BUFFER_STRUCT,
    DIGEST_BYTES,
    FORMAT_VERSION,
    IDENTIFIER,
    MAX_FILE_BYTES,
    STATE_STRUCT,
    EntrySlot,
    ModelSlot,
)
from edgeconv.runtime.program import Program, every_program
from edgeconv.runtime.reader import Payload, structure_digest

__all__ = ["build_file"]

_TOO_LARGE = "the model does not fit into a .edge file, which holds at most 2 GiB"


def build_file(program: Program, flatbuffers: Any) -> memoryview:
    """The bytes of the file, in the builder's own memory: about as much as the file is large."""
    tensors = [tensor for each in every_program(program) for tensor in each.tensors]
    constants = {id(tensor.data): tensor.data.nbytes for tensor in tensors if tensor.data is not None}
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
    every = list(every_program(program))
    tensors, steps = [t for each in every for t in each.tensors], [s for each in every for s in each.steps]
    names = sum(len(tensor.name) for tensor in tensors) + sum(len(step.name) for step in steps)
    scales = sum(len(tensor.type.q.scale) for tensor in tensors if tensor.type.q is not None)
    texts = sum(len(key) + len(value) for key, value in program.metadata.items())
    return 4096 + 4 * (names + texts) + 8 * scales + 256 * (len(tensors) + len(steps))


class _Writer:
    """One file in the making. Every method that returns an int returns the offset of what it wrote."""

    def __init__(self, sink: Sink, program: Program, payloads: Payloads) -> None:
        self._sink, self._program, self._payloads = sink, program, payloads

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
        tables = ProgramTables(sink, program, self._payloads)
        steps, tensors = tables.steps(), tables.tensors()
        fields = {
            ModelSlot.STATES: sink.structs(STATE_STRUCT, program.states),
            ModelSlot.METADATA: metadata,
            ModelSlot.OUTPUTS: sink.numbers(program.outputs, "<i4"),
            ModelSlot.INPUTS: sink.numbers(program.inputs, "<i4"),
            ModelSlot.STEPS: steps,
            ModelSlot.DATA: data,
            ModelSlot.BUFFERS: self._buffers(),
            ModelSlot.TENSORS: tensors,
            ModelSlot.OPERATORS: tables.operators(),
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

    def _entry(self, key: str, value: str) -> int:
        return self._sink.table(
            EntrySlot, {EntrySlot.KEY: self._sink.text(key), EntrySlot.VALUE: self._sink.text(value)}
        )
