"""Pages: what a report's files say, from the verdict to the provenance. Markdown and HTML draw the same page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from edgeconv.report.accuracy import CLASSIFICATION, RANDOM_STAMP, AccuracyReport, Flips, ModelFacts
from edgeconv.report.content import (
    METRIC_NAMES,
    accuracy_section,
    change_in_words,
    conversion_document,
    decibels,
    float_blocks,
    metric_value,
    pass_bars,
    verdict,
)
from edgeconv.report.conversion import Conversion
from edgeconv.report.document import Block, Cell, Change, Changes, Document, Facts, Grid, Note, Section, Table
from edgeconv.report.layer_content import layer_sections, layer_verdict
from edgeconv.report.layers import LayerReport
from edgeconv.report.profile import profile_section

__all__ = ["Page", "page_of"]

_GOOD_DROP, _FAIR_DROP = 0.005, 0.01
_GOOD_SQNR, _FAIR_SQNR = 30.0, 20.0
_FLIPS_SHOWN = 12


@dataclass(frozen=True)
class Page:
    """A title, the verdict in one line and how good it is ("good", "fair", "bad", ""), and everything behind it."""

    title: str
    verdict: str
    tone: str
    document: Document


def page_of(report: AccuracyReport | Conversion | LayerReport, name: str = "") -> Page:
    """The whole page of a report. `name`: what to call the model."""
    if isinstance(report, LayerReport):
        return _layer_page(report, name)
    return _conversion_page(report, name) if isinstance(report, Conversion) else _accuracy_page(report, name)


def _accuracy_page(report: AccuracyReport, name: str) -> Page:
    sections = [Section("At a glance", _glance(report)), accuracy_section(report, warnings=False)]
    if report.flips is not None and report.flips.flipped:
        sections.append(Section("Classes that flip", tuple(_flip_blocks(report.flips, report))))
    if report.layers is not None:
        sections += layer_sections(report.layers)
    if report.conversion is not None:
        sections += _conversion_sections(report.conversion)
    elif report.float_nodes:
        sections.append(Section("Left in float", tuple(float_blocks(report.float_nodes))))
    if report.profile is not None:
        sections.append(profile_section(report.profile))
    sections += [*_input_sections(report), *_origin_sections(report.command, report.provenance.items())]
    tone = "" if report.is_random else _tone(report)
    tone = "fair" if tone == "good" and report.warnings else tone
    return Page(name or report.candidate.name, verdict(report), tone, tuple(sections))


def _layer_page(report: LayerReport, name: str) -> Page:
    worst = report.worst_output
    sqnr = inf if worst is None else worst.sqnr
    rows = [_sqnr_change(sqnr, len(report.outputs), _sqnr_tone(sqnr))]
    rows += _model_changes(report.reference, report.candidate)
    glance = Section(
        "At a glance", (*_warnings(report), Changes(_who(report.reference, report.candidate), tuple(rows)))
    )
    origin = _origin_sections(report.command, report.provenance.items())
    tone = "" if report.is_random else _sqnr_tone(sqnr)
    return Page(name or report.candidate.name, layer_verdict(report), tone, (glance, *layer_sections(report), *origin))


def _conversion_page(conversion: Conversion, name: str) -> Page:
    rows = [
        _size_change("file", conversion.bytes_before, conversion.bytes_after),
        _count_change("operators", conversion.operators_before, conversion.operators_after),
    ]
    notes = tuple(Note(text, strong=True) for text in conversion.warnings)
    glance = Section("At a glance", (*notes, Changes(("before", "after"), tuple(rows))))
    found = (glance, *_conversion_sections(conversion), *_origin_sections(conversion.command, ()))
    line = f"{conversion.precision}, {conversion.bytes_after:,} bytes; accuracy not measured"
    return Page(name or "Conversion", line, "", found)


def _glance(report: AccuracyReport) -> tuple[Block, ...]:
    """Warnings, and the figures that matter most, before and after."""
    rows = []
    if report.metric in CLASSIFICATION:
        lost = "" if report.drop_points is None else change_in_words(report.drop_points)
        before = "" if report.fp32 is None else metric_value(report.metric, report.fp32)
        after = metric_value(report.metric, report.int8)
        rows.append(Change(METRIC_NAMES[report.metric], before, after, note=lost, tone=_tone(report)))
    if report.agreement is not None:
        value = metric_value("top1", report.agreement)
        rows.append(Change("same answer", "", value, note=f"of {report.samples:,} samples"))
    if report.worst is not None:
        tone = "" if report.metric in CLASSIFICATION else _sqnr_tone(report.worst.sqnr)
        rows.append(_sqnr_change(report.worst.sqnr, len(report.outputs), tone))
    rows += _model_changes(report.reference, report.candidate)
    return (*_warnings(report), Changes(_who(report.reference, report.candidate), tuple(rows)))


def _sqnr_change(sqnr: float, outputs: int, tone: str) -> Change:
    return Change("SQNR", "", decibels(sqnr), note=f"of the {'worst ' * (outputs > 1)}output", tone=tone)


def _model_changes(reference: ModelFacts | None, candidate: ModelFacts) -> Iterable[Change]:
    before = reference or ModelFacts("", "", 0)
    if candidate.bytes is not None:
        yield _size_change("file", before.bytes, candidate.bytes)
    if candidate.activation_bytes is not None:
        yield _size_change("activations", before.activation_bytes, candidate.activation_bytes, " at batch 1")
    yield _count_change("operators", before.operators or None, candidate.operators)


def _size_change(label: str, before: int | None, after: int, where: str = "") -> Change:
    if not before:
        return Change(label, "", _bytes(after), note=where.strip())
    share = f"{100 * after / before:.0f} % of before{where}"
    return Change(label, _bytes(before), _bytes(after), after / before, share)


def _count_change(label: str, before: int | None, after: int) -> Change:
    return Change(label, f"{before:,}" if before else "", f"{after:,}", after / before if before else None)


def _who(reference: ModelFacts | None, candidate: ModelFacts) -> tuple[str, str]:
    before, after = ("" if reference is None else reference.precision), candidate.precision
    return (before, after) if before != after else ("reference", "candidate")


def _warnings(report: AccuracyReport | LayerReport) -> tuple[Note, ...]:
    found = (RANDOM_STAMP,) * report.is_random + report.warnings
    return tuple(Note(text, strong=True) for text in found)


def _flip_blocks(flips: Flips, report: AccuracyReport) -> Iterable[Block]:
    names = _who(report.reference, report.candidate)
    facts = [("other answer", f"{flips.flipped:,} of {flips.decisions:,}")]
    if flips.lost is not None:
        facts.append((f"right in {names[0]}, wrong in {names[1]}", f"{flips.lost:,}"))
        facts.append((f"wrong in {names[0]}, right in {names[1]}", f"{flips.gained:,}"))
    yield Facts(tuple(facts))
    shown = flips.pairs[:_FLIPS_SHOWN]
    cells = tuple(Cell(each.before, each.after, each.count, each.lost, each.gained) for each in shown)
    more = len(flips.pairs) - len(shown)
    yield Grid(names, flips.classes, cells, more)
    if more:
        yield Note(f"and {more} more pairs of classes, with fewer samples each")


def _conversion_sections(conversion: Conversion) -> Document:
    """As on a terminal, but for the steps, which are drawn."""
    return tuple(
        Section(section.title, (pass_bars(conversion.passes),))
        if section.title == "What each step removed"
        else section
        for section in conversion_document(conversion)
        if section.title != "Warnings"
    )


def _input_sections(report: AccuracyReport) -> Document:
    rows = [
        (each.name, what, f"{each.mean:.4g}", f"{each.std:.4g}", f"{each.min:.4g}", f"{each.max:.4g}")
        for what, found in (("calibration", report.calibration_inputs), ("evaluation", report.inputs))
        for each in found
    ]
    if not rows:
        return ()
    blocks: list[Block] = [
        Table(("input", "in", "mean", "deviation", "lowest", "highest"), tuple(sorted(rows)), "llrrrr")
    ]
    if report.preprocessing:
        blocks.append(Facts((("images", report.preprocessing),)))
    return (Section("Inputs", tuple(blocks)),)


def _origin_sections(command: str, provenance: Iterable[tuple[str, str]]) -> Document:
    blocks: list[Block] = [Note(command, code=True)] if command else []
    rows = tuple(sorted(provenance))
    blocks += [Facts(rows)] if rows else []
    return (Section("Provenance", tuple(blocks)),) if blocks else ()


def _tone(report: AccuracyReport) -> str:
    if report.drop is None:
        return _sqnr_tone(report.worst.sqnr) if report.worst is not None else ""
    return "good" if not report.exceeds(_GOOD_DROP) else "fair" if not report.exceeds(_FAIR_DROP) else "bad"


def _sqnr_tone(sqnr: float) -> str:
    return "good" if sqnr >= _GOOD_SQNR else "fair" if sqnr >= _FAIR_SQNR else "bad"


def _bytes(count: int) -> str:
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= 10 * size or (unit == "kB" and count >= size):
            return f"{count / size:,.1f} {unit}" if count < 1000 * size else f"{count / size:,.0f} {unit}"
    return f"{count:,} bytes"
