"""From an inspection to a document and to JSON-ready dictionaries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgeconv.data import PREPROCESSING, Preprocessing
from edgeconv.data.input_statistics import CALIBRATION_INPUTS, InputFacts, facts_from_json
from edgeconv.graph.graph import notes_of
from edgeconv.report.content import float_blocks, passes_block
from edgeconv.report.document import Block, Document, Facts, Note, Section, Table
from edgeconv.report.inspection import Inspection, OperatorFacts, TensorFacts
from edgeconv.runtime.store import Memory

__all__ = ["inspection_document", "inspection_json"]

_NAME_WIDTH = 40
_NAMES_SHOWN = 12


def inspection_document(found: Inspection, quantization: bool = False) -> Document:
    """The model in tables; `quantization` adds scales and zero points."""
    sections = [Section(_title(found), (Facts(_interface(found)),))]
    if found.operators_before is not None:
        title = f"Operators {found.operators_before:,} -> {len(found.operators):,}"
        sections.append(Section(title, (passes_block(found.passes),)))
    sections.append(Section("Operators", (_operators(found),)))
    sections.append(Section("Totals at batch 1", (Facts(_totals(found)),)))
    notes = notes_of(found.metadata)
    if notes:
        sections.append(Section("Notes", tuple(Note(text) for text in notes)))
    if quantization:
        sections.append(Section("Quantization", (_quantization(found),)))
    if found.precision == "int8" or found.float_nodes:
        sections.append(Section("Float operators", tuple(float_blocks(found.float_nodes))))
        sections.append(Section("Determinism", (Note(_determinism(found)),)))
    return tuple(sections)


def inspection_json(found: Inspection) -> dict[str, Any]:
    """Schema "edgeconv/inspect/1": the fields of Inspection, OperatorFacts and TensorFacts under their names."""
    return {
        "schema": "edgeconv/inspect/1",
        **asdict(found),
        "parameters": found.parameters,
        "macs": found.macs,
        "bit_exact": found.precision == "int8" and not found.inexact,
    }


def _title(found: Inspection) -> str:
    if found.operators_before is not None:
        return f"{found.name}: ONNX, shown as simplified"
    producer = found.metadata.get("producer")
    return f"{found.name}: {found.precision}" + (f", made by {producer}" if producer else "")


def _interface(found: Inspection) -> tuple[tuple[str, str], ...]:
    kept = dict(found.states)
    inputs = [
        ("state", f"{_described(tensor)}, kept from {kept[tensor.name]}")
        if tensor.name in kept
        else ("input", _described(tensor))
        for tensor in found.inputs
    ]
    outputs = [("output", _described(tensor)) for tensor in found.outputs]
    images = Preprocessing.from_json(found.metadata.get(PREPROCESSING, ""))
    prepared = [] if images is None else [("images", images.describe_fully())]
    return (*inputs, *outputs, *prepared, *(("calibrated", _spread(each)) for each in _calibration(found)))


def _calibration(found: Inspection) -> tuple[InputFacts, ...]:
    return facts_from_json(found.metadata.get(CALIBRATION_INPUTS, ""))


def _spread(facts: InputFacts) -> str:
    return f"{facts.name}  mean {facts.mean:.4g}, deviation {facts.std:.4g}, {facts.min:.4g} .. {facts.max:.4g}"


def _described(tensor: TensorFacts) -> str:
    text = f"{tensor.name}  {tensor.dtype}{tensor.shape}"
    if not tensor.scale:
        return text
    return f"{text}  scale {tensor.scale[0]:.6g}, zero point {tensor.zero_point[0]}"


def _operators(found: Inspection) -> Block:
    if not found.operators:
        return Note("none")
    rows = [_operator_row(number, operator) for number, operator in enumerate(found.operators, start=1)]
    header = ("", "operator", "name", "output", "parameters", "MACs", "bytes")
    return Table(header, tuple(rows), "rlllrrr")


def _operator_row(number: int, operator: OperatorFacts) -> tuple[str, ...]:
    first = operator.outputs[0]
    more = f" and {len(operator.outputs) - 1} more" if len(operator.outputs) > 1 else ""
    return (
        str(number),
        operator.operator,
        _shortened(operator.name),
        f"{first.dtype}{first.shape}{more}",
        _count(operator.parameters),
        _count(operator.macs),
        _count(operator.bytes),
    )


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}" if value else ""


def _shortened(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]


def _totals(found: Inspection) -> tuple[tuple[str, str], ...]:
    unknown = "depends on open dimensions; fix them with --input-shape"
    return (
        ("operators", f"{len(found.operators):,}"),
        ("parameters", f"{found.parameters:,}"),
        ("MACs", unknown if found.macs is None else f"{found.macs:,}"),
        ("file", "" if found.bytes is None else f"{found.bytes:,} bytes"),
        ("peak activations", unknown if found.activation_bytes is None else f"{found.activation_bytes:,} bytes"),
        *((f"memory, {setting}", _memory(memory)) for setting, memory in found.memory.items()),
    )


def _memory(memory: Memory) -> str:
    parts = {"arena": memory.arena, "prepared weights": memory.prepared, "scratch": memory.scratch}
    return f"{memory.total:,} bytes: {' + '.join(f'{count:,} {what}' for what, count in parts.items() if count)}"


def _quantization(found: Inspection) -> Block:
    tensors = [tensor for operator in found.operators for tensor in (*operator.weights, *operator.outputs)]
    known = {tensor.name: tensor for tensor in (*found.inputs, *tensors) if tensor.scale}
    if not known:
        return Note("no tensor is quantized")
    rows = tuple(
        (_shortened(tensor.name), f"{tensor.dtype}{tensor.shape}", _range(tensor.scale), _zero(tensor), _axis(tensor))
        for tensor in known.values()
    )
    return Table(("tensor", "type", "scale", "zero point", "channels along"), rows, "lllrl")


def _range(scales: tuple[float, ...]) -> str:
    low, high = min(scales), max(scales)
    return f"{low:.6g}" if low == high else f"{low:.4g} .. {high:.4g}"


def _zero(tensor: TensorFacts) -> str:
    values = sorted(set(tensor.zero_point))
    return str(values[0]) if len(values) == 1 else f"{values[0]} .. {values[-1]}"


def _axis(tensor: TensorFacts) -> str:
    return "" if tensor.axis is None else f"axis {tensor.axis}"


def _determinism(found: Inspection) -> str:
    if not found.inexact:
        return "bit-exact: the same input gives the same bytes on every device"
    names = ", ".join(name or "(unnamed)" for name in found.inexact[:_NAMES_SHOWN])
    more = len(found.inexact) - _NAMES_SHOWN
    return f"bit-exact up to {len(found.inexact)} float operators: {names}" + (f" and {more} more" if more > 0 else "")
