"""From a layer report to a document and to JSON-ready dictionaries.

"edgeconv/layer-report/1":
  samples, harm_samples, data, is_random, stamp
  candidate, reference   {name, precision, operators, bytes, digest}
  sqnr_db, identical     of the worst output
  outputs    [{name, sqnr_db, identical, mse, largest_error}]
  layers     in order of execution: {name, operator, value, is_float, rank (1 is the most harmful), harm (share 0..1),
             local_sqnr_db, cumulative_sqnr_db, output_sqnr_db (with only this layer quantized), weight_sqnr_db,
             saturated (share), seen [low, high], held [low, high] or null, rescaled, histogram {low, high, counts} or
             null}; an SQNR is null where nothing is lost, or where there is nothing to measure
  unmatched  names of operators whose output the reference does not have
  repair     {layers, exclude, sqnr_before_db, sqnr_after_db, samples, command, is_complete} or null
  warnings, provenance
"""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite

from edgeconv.report.accuracy import RANDOM_STAMP, OutputFidelity
from edgeconv.report.as_json import Json, finite, output_json
from edgeconv.report.content import decibels, outputs_blocks
from edgeconv.report.document import Block, Document, Facts, Note, Section, Table
from edgeconv.report.layers import LayerFacts, LayerReport, Repair

__all__ = ["layer_document", "layer_json", "layer_verdict"]

_ROWS = 20
_NAME_WIDTH = 44
_NAMES_SHOWN = 8
_FEW_SAMPLES = 64
_LEGEND = (
    "harm: share of the noise at the output; alone: SQNR there with only this layer quantized; "
    "local: this layer on the reference's inputs; so far: its output as it runs"
)
_LEGEND = (
    "harm: share of the noise at the output; alone: SQNR there with only this layer quantized; "
    "local: this layer on the reference's inputs; so far: its output as it runs"
)


def layer_verdict(report: LayerReport) -> str:
    """The report in one line."""
    worst = report.worst_output
    line = "no output to compare" if worst is None else f"SQNR {decibels(worst.sqnr)}"
    return f"{line} on {report.samples:,} samples" + (f" ({RANDOM_STAMP})" if report.is_random else "")


def layer_document(report: LayerReport, rows: int | None = _ROWS, provenance: bool = False) -> Document:
    """Outputs, the `rows` most harmful layers (None: all), and what would repair the worst."""
    title = f"{report.candidate.name} beside {report.reference.name}, {report.samples:,} samples"
    notes: list[Block] = [Note(text, strong=True) for text in report.warnings]
    if report.is_random:
        notes.insert(0, Note(RANDOM_STAMP, strong=True))
    parts = [
        Section(title + (f" of {report.data}" if report.data else ""), (*notes, *outputs_blocks(report.outputs))),
        Section("Layers, the most harmful first", tuple(_layer_blocks(report, rows))),
    ]
    if report.repair is not None:
        parts.append(Section("Repair", tuple(_repair_blocks(report.repair))))
    if provenance and report.provenance:
        parts.append(Section("Provenance", (Facts(tuple(sorted(report.provenance.items()))),)))
    return tuple(parts)


def _layer_blocks(report: LayerReport, rows: int | None) -> list[Block]:
    shown = report.ranked[:rows]
    header = ("", "layer", "operator", "harm", "alone", "local", "so far", "weights", "saturated", "seen", "int8 range")
    blocks: list[Block] = [Table(header, tuple(map(_row, range(1, len(shown) + 1), shown)), "rllrrrrrrrr")]
    if len(shown) < len(report.layers):
        blocks.append(Note(f"and {len(report.layers) - len(shown)} more layers, which do less harm; --json has all"))
    blocks.append(Note(_LEGEND))
    if any(layer.rescaled for layer in shown):
        blocks.append(Note("(e): channels are equalized; ranges are those of the scaled channels"))
    if report.unmatched:
        blocks.append(Note(f"counted with the layer that follows: {_listed(report.unmatched)}"))
    return blocks


def _row(number: int, layer: LayerFacts) -> tuple[str, ...]:
    return (
        str(number),
        _shortened(layer.name) + (" (e)" if layer.rescaled else ""),
        layer.operator + (" (float)" if layer.is_float else ""),
        f"{100 * layer.harm:.1f} %",
        "" if layer.alone is None else _brief(layer.alone),
        _brief(layer.local),
        _brief(layer.cumulative),
        "" if layer.weights is None else _brief(layer.weights),
        "" if layer.held is None else f"{100 * layer.saturated:.3f} %",
        _span(layer.seen),
        "" if layer.held is None else _span(layer.held),
    )


def _repair_blocks(repair: Repair) -> list[Block]:
    count = len(repair.layers)
    change = f"from {decibels(repair.sqnr_before)} to {decibels(repair.sqnr_after)}"
    blocks: list[Block] = [
        Note(f"{count} layer{'s' * (count != 1)} in float should bring the output {change}: {_listed(repair.layers)}"),
        Note(repair.command, code=True),
    ]
    if repair.samples < _FEW_SAMPLES:
        blocks.append(Note(f"chosen on {repair.samples} samples only; more make it surer"))
    if not repair.is_complete:
        blocks.append(Note("put in place of words in capitals what the model was made from, CALIB: its calibration "
                           "samples, MODEL.onnx: the ONNX file"))  # fmt: skip
    return blocks


def layer_json(report: LayerReport) -> Json:
    """The report under the schema above."""
    worst = report.worst_output
    ranks = {id(layer): rank for rank, layer in enumerate(report.ranked, start=1)}
    return {
        "schema": "edgeconv/layer-report/1",
        "samples": report.samples,
        "harm_samples": report.harm_samples,
        "data": report.data,
        "is_random": report.is_random,
        "stamp": RANDOM_STAMP if report.is_random else None,
        "candidate": asdict(report.candidate),
        "reference": asdict(report.reference),
        "sqnr_db": None if worst is None else finite(worst.sqnr),
        "identical": _identical(worst),
        "outputs": [output_json(output) for output in report.outputs],
        "layers": [_layer_json(layer, ranks[id(layer)]) for layer in report.layers],
        "unmatched": list(report.unmatched),
        "repair": None if report.repair is None else _repair_json(report.repair),
        "warnings": list(report.warnings),
        "provenance": dict(sorted(report.provenance.items())),
    }


def _layer_json(layer: LayerFacts, rank: int) -> Json:
    return {
        "name": layer.name,
        "operator": layer.operator,
        "value": layer.value,
        "is_float": layer.is_float,
        "rank": rank,
        "harm": layer.harm,
        "local_sqnr_db": finite(layer.local),
        "cumulative_sqnr_db": finite(layer.cumulative),
        "output_sqnr_db": finite(layer.alone),
        "weight_sqnr_db": finite(layer.weights),
        "saturated": layer.saturated,
        "seen": list(layer.seen),
        "held": None if layer.held is None else list(layer.held),
        "rescaled": layer.rescaled,
        "histogram": None if layer.histogram is None else asdict(layer.histogram),
    }


def _repair_json(repair: Repair) -> Json:
    return {
        "layers": list(repair.layers),
        "exclude": list(repair.exclude),
        "sqnr_before_db": finite(repair.sqnr_before),
        "sqnr_after_db": finite(repair.sqnr_after),
        "samples": repair.samples,
        "command": repair.command,
        "is_complete": repair.is_complete,
    }


def _identical(worst: OutputFidelity | None) -> bool:
    return worst is not None and worst.mse == 0


def _brief(value: float) -> str:
    """An SQNR in a table of SQNRs."""
    return decibels(value) if isfinite(value) else "exact" if value > 0 else decibels(value)


def _span(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3g} .. {ends[1]:.3g}"


def _shortened(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
