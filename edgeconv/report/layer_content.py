"""From a layer report to a document."""

from __future__ import annotations

import shlex
from math import inf, isfinite

from edgeconv.report.accuracy import RANDOM_STAMP
from edgeconv.report.content import decibels, outputs_blocks
from edgeconv.report.document import (
    Block,
    Depth,
    Document,
    Note,
    Point,
    Section,
    Spread,
    Spreads,
    Table,
    held_span,
    span,
)
from edgeconv.report.layers import Histogram, LayerFacts, LayerReport, Repair

__all__ = ["layer_document", "layer_sections", "layer_verdict"]

_ROWS = 20
_SPREADS = 6
_NAME_WIDTH = 44
_NAMES_SHOWN = 8
_FEW_SAMPLES = 64
_LEGEND = (
    "harm: share of the noise at the output; alone: SQNR there with only this layer quantized; "
    "local: this layer on the reference's inputs; so far: its output as it runs"
)


def layer_verdict(report: LayerReport) -> str:
    """The report in one line."""
    worst = report.worst_output
    line = "no output to compare" if worst is None else f"SQNR {decibels(worst.sqnr)}"
    return f"{line} on {report.samples:,} samples" + (f" ({RANDOM_STAMP})" if report.is_random else "")


def layer_document(report: LayerReport) -> Document:
    """Outputs, the most harmful layers, and what would repair the worst: for a terminal."""
    title = f"{report.candidate.name} beside {report.reference.name}, {report.samples:,} samples"
    notes = [Note(text, strong=True) for text in (RANDOM_STAMP,) * report.is_random + report.warnings]
    head = Section(title + (f" of {report.data}" if report.data else ""), (*notes, *outputs_blocks(report.outputs)))
    return (head, _ranked(report, _ROWS), *_repair_sections(report))


def layer_sections(report: LayerReport) -> Document:
    """Every layer, drawn and in figures, and what would repair the worst: for a page."""
    if not report.layers:
        return ()
    if _is_exact(report):
        return (_ranked(report, None),)
    points = tuple(Point(layer.name, layer.local, layer.cumulative, layer.harm) for layer in report.layers)
    spreads = tuple(_spread(layer) for layer in report.ranked if layer.histogram is not None)[:_SPREADS]
    sections = [
        Section(f"Layer by layer, {report.samples:,} samples", (Depth(points),)),
        _ranked(report, None),
    ]
    if spreads:
        sections.append(Section("Values of the most harmful layers", (Spreads(spreads),)))
    return (*sections, *_repair_sections(report))


def _spread(layer: LayerFacts) -> Spread:
    found = layer.histogram or Histogram(0.0, 0.0, ())
    return Spread(layer.name, found.low, found.high, found.counts, layer.held, layer.dtype, layer.saturated)


def _repair_sections(report: LayerReport) -> Document:
    return () if report.repair is None else (Section("Repair", tuple(_repair_blocks(report.repair, report.samples))),)


def _ranked(report: LayerReport, most: int | None) -> Section:
    if _is_exact(report):
        return Section("Layers", (Note("every layer computes exactly what the reference does"),))
    return Section("Layers, the most harmful first", tuple(_layer_blocks(report, most)))


def _is_exact(report: LayerReport) -> bool:
    return bool(report.layers) and all(layer.local == layer.cumulative == inf for layer in report.layers)


def _layer_blocks(report: LayerReport, most: int | None) -> list[Block]:
    shown = report.ranked[:most]
    header = ("", "layer", "operator", "harm", "alone", "local", "so far", "weights", "saturated", "seen", "can hold")
    rows = tuple(map(_row, range(1, len(shown) + 1), shown))
    blocks: list[Block] = [Table(header, rows, "rllrrrrrrrr", is_long=True).without_empty_columns()]
    if len(shown) < len(report.layers):
        blocks.append(Note(f"and {len(report.layers) - len(shown)} more layers, which do less harm; --json has all"))
    blocks.append(Note(_LEGEND))
    if any(layer.rescaled for layer in shown):
        blocks.append(Note("(e): channels are equalized; ranges are those of the scaled channels"))
    if any(layer.held and layer.dtype != "int8" for layer in shown):
        blocks.append(Note("int16: held in 16 bits"))
    if report.unmatched:
        blocks.append(Note(f"counted with the layer that follows: {_listed(report.unmatched)}"))
    return blocks


def _row(number: int, layer: LayerFacts) -> tuple[str, ...]:
    return (
        str(number),
        _shortened(layer.name) + (" (e)" if layer.rescaled else ""),
        layer.operator + (" (float)" if layer.held is None else ""),
        f"{100 * layer.harm:.1f} %",
        "" if layer.alone is None else _brief(layer.alone),
        _brief(layer.local),
        _brief(layer.cumulative),
        "" if layer.weights is None else _brief(layer.weights),
        "" if layer.held is None else f"{100 * layer.saturated:.3f} %",
        span(layer.seen),
        held_span(layer.held, layer.dtype),
    )


def _repair_blocks(repair: Repair, samples: int) -> list[Block]:
    count = len(repair.layers)
    change = f"from {decibels(repair.sqnr_before)} to {decibels(repair.sqnr_after)}"
    if repair.samples < samples:
        change += f" on the first {repair.samples:,} samples"
    blocks: list[Block] = [
        Note(f"{count} layer{'s' * (count != 1)} in float should bring the output {change}: {_listed(repair.layers)}"),
        Note(repair.command, code=True),
    ]
    if repair.samples < _FEW_SAMPLES:
        blocks.append(Note(f"chosen on {repair.samples} samples only; more make it surer"))
    if not repair.is_complete:
        words = {"CALIB": "the calibration samples", "MODEL.onnx": "the ONNX file", "MODEL.edge": "the file to write"}
        missing = [f"{word} is {what}" for word, what in words.items() if word in shlex.split(repair.command)]
        blocks.append(Note(f"put in what the model was made from: {', '.join(missing)}"))
    return blocks


def _brief(value: float) -> str:
    """An SQNR in a table of SQNRs."""
    return decibels(value) if isfinite(value) else "exact" if value > 0 else decibels(value)


def _shortened(name: str) -> str:
    """The end of a long name, which tells more than its beginning."""
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
