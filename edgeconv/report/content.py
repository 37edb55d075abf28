"""From reports to documents: what is said, and in which words. How it looks is the renderers' business."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isinf, isnan

from edgeconv.report.accuracy import CLASSIFICATION, RANDOM_STAMP, AccuracyReport, ModelFacts, OutputFidelity
from edgeconv.report.conversion import OWN_PARAMETERS, Conversion, FloatNode, PassEffect
from edgeconv.report.document import Bar, Bars, Block, Document, Facts, Note, Section, Table
from edgeconv.report.refinement import refinement_blocks

__all__ = [
    "METRIC_NAMES",
    "accuracy_document",
    "accuracy_section",
    "change_in_words",
    "conversion_document",
    "decibels",
    "float_blocks",
    "metric_value",
    "outputs_blocks",
    "pass_bars",
    "passes_block",
    "verdict",
]

METRIC_NAMES = {"top1": "top-1", "top5": "top-5", "mse": "mean squared error", "sqnr": "SQNR"}
_NAMES_SHOWN = 8
_STORED = {
    "w8": "stored in int8, one scale for each output channel; the arithmetic is float",
    "fp16": "stored in float16; the arithmetic is float32",
}


def accuracy_document(report: AccuracyReport) -> Document:
    """The conversion (where the report has one), and what it cost."""
    before = conversion_document(report.conversion) if report.conversion else ()
    return (*before, accuracy_section(report))


def conversion_document(conversion: Conversion) -> Document:
    """Operators and bytes before and after, what each pass removed, what stayed in float and why."""
    sections = [Section("Conversion", (Facts(_conversion_facts(conversion)),))]
    sections.append(Section("What each step removed", (passes_block(conversion.passes),)))
    if conversion.float_nodes:
        sections.append(Section("Left in float", tuple(float_blocks(conversion.float_nodes))))
    refined = () if conversion.refinement is None else tuple(refinement_blocks(conversion.refinement))
    if refined:
        sections.append(Section("Refinement", refined))
    if conversion.warnings:
        sections.append(Section("Warnings", tuple(Note(text, strong=True) for text in conversion.warnings)))
    return tuple(sections)


def _conversion_facts(conversion: Conversion) -> tuple[tuple[str, str], ...]:
    facts = [
        ("precision", conversion.precision),
        ("operators", f"{conversion.operators_before:,} -> {conversion.operators_after:,}"),
        ("bytes", _size(conversion)),
    ]
    if conversion.method == OWN_PARAMETERS:
        facts.insert(1, ("calibration", "none: the model came quantized and keeps its own parameters"))
    elif conversion.method is not None:
        samples = f"{conversion.calibration_samples:,} {'random ' * conversion.calibration_is_random}samples"
        facts.insert(1, ("calibration", f"{conversion.method} ranges from {samples}"))
    if conversion.precision in _STORED:
        facts.insert(1, ("weights", _STORED[conversion.precision]))
    elif conversion.precision != "fp32":
        facts.append(("in float", _float_summary(len(conversion.float_nodes))))
    return tuple(facts)


def _float_summary(count: int) -> str:
    if not count:
        return "nothing; the file is bit-exact on every device"
    return f"{count} operator{'s' * (count != 1)}, see below"


def verdict(report: AccuracyReport) -> str:
    """The report in one line."""
    if report.drop_points is None:
        line = f"{METRIC_NAMES[report.metric]} {metric_value(report.metric, report.int8)}"
    else:
        line = f"{METRIC_NAMES[report.metric]} {change_in_words(report.drop_points)}"
    doubt = f" ({RANDOM_STAMP})" if report.is_random else ", in doubt: see the warning" if report.warnings else ""
    return f"{line} on {report.samples:,} samples{doubt}"


def change_in_words(points: float) -> str:
    """A drop in points, or a gain; what rounds to none is none."""
    if abs(points) < 0.005:
        return "lost nothing"
    return f"lost {points:.2f} points" if points > 0 else f"gained {-points:.2f} points"


def float_blocks(nodes: Iterable[FloatNode]) -> Iterable[Block]:
    """What computes in float, grouped by reason and operator."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for node in nodes:
        groups[node.operator, node.reason].append(node.name)
    if not groups:
        yield Note("nothing: every operator computes in int8")
        return
    rows = tuple(
        (str(len(names)), operator, reason, _listed(names)) for (operator, reason), names in sorted(groups.items())
    )
    yield Table(("", "operator", "why", "nodes"), rows, "rlll")


def passes_block(passes: Iterable[PassEffect]) -> Block:
    """What each step did to the number of operators."""
    rows = tuple((effect.name, _change(effect), _rewritten(effect)) for effect in passes if _is_told(effect))
    return Table(("step", "operators", ""), rows, "lrl") if rows else Note("nothing")


def pass_bars(passes: Iterable[PassEffect]) -> Block:
    """As `passes_block`, drawn: which step removed how many operators."""
    found = [effect for effect in passes if _is_told(effect)]
    most = max((abs(effect.removed) for effect in found), default=0) or 1
    rows = tuple(
        Bar(effect.name, max(effect.removed, 0) / most, _change(effect), _rewritten(effect)) for effect in found
    )
    return (
        Bars(("step", "operators", ""), rows, "by how many operators each step made the network smaller")
        if rows
        else Note("nothing")
    )


def _is_told(effect: PassEffect) -> bool:
    return bool(effect.removed or _rewritten(effect))


def _change(effect: PassEffect) -> str:
    return f"{-effect.removed:+,}" if effect.removed else "0"


def _rewritten(effect: PassEffect) -> str:
    """How many nodes a pass replaced, where that is not how many it removed."""
    return "" if effect.changed in (0, effect.removed) or effect.name == "import" else f"{effect.changed:,} rewritten"


def decibels(value: float) -> str:
    """An SQNR for people."""
    if isinf(value):
        return "identical" if value > 0 else "-inf dB"
    return "not a number" if isnan(value) else f"{value:.1f} dB"


def metric_value(metric: str, value: float) -> str:
    """A metric's value for people."""
    if metric in CLASSIFICATION:
        return f"{100 * value:.2f} %"
    return decibels(value) if metric == "sqnr" else f"{value:.3g}"


def _size(conversion: Conversion) -> str:
    after = conversion.bytes_after
    if not conversion.bytes_before:
        return f"{after:,}"
    before = conversion.bytes_before
    return f"{before:,} -> {after:,} ({100 * after / before:.1f} %)"


def accuracy_section(report: AccuracyReport, warnings: bool = True) -> Section:
    """What was measured; `warnings` first."""
    counted = f"Accuracy on {report.samples:,} sample{'s' * (report.samples != 1)}"
    blocks: list[Block] = []
    if warnings:
        blocks.extend(Note(text, strong=True) for text in (RANDOM_STAMP,) * report.is_random + report.warnings)
    blocks.extend(_scores(report))
    blocks.extend(outputs_blocks(report.outputs))
    return Section(counted + (f" of {report.data}" if report.data else ""), tuple(blocks))


def _scores(report: AccuracyReport) -> Iterable[Block]:
    """Candidate beside reference, or alone."""
    candidate, reference = report.candidate, report.reference
    rows = []
    if report.metric in CLASSIFICATION:
        error = "" if not report.drop_error else f" ± {100 * report.drop_error:.2f}"
        drop = "" if report.drop_points is None else f"{report.drop_points:.2f}{error} points"
        values = ["" if value is None else metric_value(report.metric, value) for value in (report.fp32, report.int8)]
        rows.append((METRIC_NAMES[report.metric], *values, drop))
    if report.conversion is None:
        fewer = "" if reference is None else f"{reference.operators - candidate.operators:,}"
        rows.append(("operators", _operators(reference), _operators(candidate), fewer))
        rows.append(("bytes", _bytes(reference), _bytes(candidate), _saving(reference, candidate)))
    if reference is None:
        yield Facts((("precision", candidate.precision), *((row[0], row[2]) for row in rows)))
    elif rows:
        yield Table(("", reference.precision, candidate.precision, "drop"), tuple(rows), "lrrr")
    if report.agreement is not None:
        other = "reference" if reference is None else reference.precision
        yield Facts(((f"agreement with {other}", f"{metric_value('top1', report.agreement)} of samples"),))


def outputs_blocks(outputs: Sequence[OutputFidelity]) -> Iterable[Block]:
    """How far outputs are from the reference's."""
    if not outputs:
        return
    rows = tuple(
        (output.name, decibels(output.sqnr), f"{output.mse:.3g}", f"{output.largest_error:.3g}") for output in outputs
    )
    yield Table(("output", "SQNR", "mean squared error", "largest error"), rows, "lrrr")
    worst = min(outputs, key=lambda output: output.sqnr)
    if len(outputs) > 1:
        yield Note(f"worst output: {worst.name}, {decibels(worst.sqnr)}")


def _operators(model: ModelFacts | None) -> str:
    return "" if model is None else f"{model.operators:,}"


def _bytes(model: ModelFacts | None) -> str:
    return "" if model is None or model.bytes is None else f"{model.bytes:,}"


def _saving(reference: ModelFacts | None, candidate: ModelFacts) -> str:
    """How much smaller the candidate is."""
    if reference is None or not reference.bytes or not candidate.bytes:
        return ""
    return f"{100 - 100 * candidate.bytes / reference.bytes:.1f} %"


def _listed(names: list[str]) -> str:
    shown = ", ".join(name or "(unnamed)" for name in names[:_NAMES_SHOWN])
    return shown + (f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else "")
