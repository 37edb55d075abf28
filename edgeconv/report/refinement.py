"""What refining did, for reports: blocks of a document, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from edgeconv.report.document import Block, Facts, Note, Table
from edgeconv.report.record import Attempt, LayerChoice, RaisedValue, RefinementRecord, Trial

__all__ = ["refinement_blocks", "refinement_json"]

_UNDONE_SHOWN = 8
_ANYWAY = "taken, no other is clearly better"
_MOSTLY = "taken, better sample by sample"
_LEAST_HARM = 0.05
"""dB; less reads as nothing."""


def refinement_blocks(record: RefinementRecord) -> Iterable[Block]:
    """How much was tried and taken, what was undone, and why refining ended early."""
    if record.stopped:
        yield Note(f"refining stopped: {record.stopped}", strong=True)
    for text in record.undone:
        yield Note(f"undone: {text}", strong=True)
    yield from _raised(record)
    if facts := tuple(_facts(record)):
        yield Facts(facts)
    if record.observed:
        anyway = "taken" if record.effort == "best" else _ANYWAY
        yield Table(("ranges by", "SQNR, activations alone rounded", ""), _trials(record.observed, anyway), "lrl")
    if len(record.trials) > 1:
        anyway = "taken" if record.effort == "best" else _MOSTLY
        count = f"{record.held_back} held-back sample{'s' * (record.held_back != 1)}"
        yield Table((f"on {count}", "SQNR", ""), _trials(record.trials, anyway), "lrl")
    if not record.is_unrefined:
        yield from _undone(record.layers)


def _facts(record: RefinementRecord) -> Iterable[tuple[str, str]]:
    """What was taken; nothing of single layers where all of that was undone."""
    if record.layers:
        yield "effort", record.effort
    if record.layers and not record.is_unrefined:
        yield "layers", _taken(record.layers)
    if record.reach > 1:
        yield "ranges", f"{100 * record.reach - 100:.0f} % wider, for what so few samples do not show"
    if record.free:
        yield "held in 16 bits", f"{_activations(len(record.free))} that nothing multiplies"
    if record.cheap:
        count, share = sum(len(each.names) for each in record.cheap), sum(each.macs for each in record.cheap)
        yield "in 16 bits as well", f"{_activations(count)} for {100 * share:.1f} % of the multiply-accumulates"


def _activations(count: int) -> str:
    return f"{count} activation{'s' * (count != 1)}"


def _trials(trials: Sequence[Trial], anyway: str) -> tuple[tuple[str, str, str], ...]:
    """Rows: name, SQNR, and which was taken; `anyway` where it is not the one with the highest score."""
    best = max(trial.sqnr for trial in trials)
    words = ["" if not trial.taken else "taken" if trial.sqnr == best else anyway for trial in trials]
    return tuple((trial.name, _decibels(trial.sqnr), word) for trial, word in zip(trials, words, strict=True))


def _raised(record: RefinementRecord) -> Iterable[Block]:
    """Which activations are above int8, and why; how many ways were measured before."""
    if record.attempts:
        last = record.attempts[-1] if not record.raised else _final(record)
        yield Facts(
            (("multiply-accumulates in int8", f"{100 * last.int8_share:.1f} %"),
             ("ways measured", str(len(record.attempts))))
        )  # fmt: skip
    yield from _chosen(record)
    if record.raised:
        rows = tuple(
            (each.names[0], each.precision, _decibels(each.sqnr), f"{100 * each.macs:.1f} %") for each in record.raised
        )
        yield Table(("held above int8", "as", "SQNR if it alone were int8", "of the work"), rows, "llrr", is_long=True)


def _chosen(record: RefinementRecord) -> Iterable[Block]:
    """What choosing among several measurements means for the figure, and what it is where nothing was chosen by."""
    if record.held_out is not None:
        known = record.held_out
        what = _decibels(known.value) if record.metric == "sqnr" else f"a drop of {100 * known.value:.2f} points"
        error = "" if known.error is None else f", standard error {100 * known.error:.2f}"
        yield Facts(((f"on {known.samples:,} samples held out of the search", what + error),))
    elif len(record.attempts) > 1:
        yield Note(
            f"chosen among {len(record.attempts)} measurements on the samples of --eval: on others the figure may be "
            "worse; --hold-out 0.5 keeps half of them out of the search and tells it on these"
        )


def _final(record: RefinementRecord) -> Attempt:
    """The attempt that was taken."""
    return next(each for each in reversed(record.attempts) if each.raised == record.raised)


def _taken(layers: Iterable[LayerChoice]) -> str:
    counts = Counter(layer.taken for layer in layers)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _undone(layers: Iterable[LayerChoice]) -> Iterable[Block]:
    """The layers that a refinement made worse on held-back samples, worst first."""
    found = [layer for layer in layers if layer.undone]
    harmed = sorted(found, key=lambda layer: min(_gain(layer, name) for name in layer.undone))
    shown = [layer for layer in harmed if _harms(layer)][:_UNDONE_SHOWN]
    rows = tuple(
        (layer.node or layer.output, ", ".join(f"{name} {_gain(layer, name):+.1f} dB" for name in _harms(layer)),
         layer.taken)
        for layer in shown
    )  # fmt: skip
    more = f", the worst {len(shown)} of {len(found)} layers" if len(found) > len(shown) else ""
    if rows:
        yield Table((f"undone, worse on held-back samples{more}", "by", "taken instead"), rows, "lll")
    elif found:
        yield Note(
            f"undone in {len(found)} layer{'s' * (len(found) != 1)}, worse on held-back samples by less than 0.1 dB"
        )


def _harms(layer: LayerChoice) -> list[str]:
    """The undone proposals that made a difference which a tenth of a dB shows."""
    return [name for name in layer.undone if _gain(layer, name) <= -_LEAST_HARM]


def _gain(layer: LayerChoice, name: str) -> float:
    """dB that a proposal gains over the simplest one."""
    plain = next(iter(layer.errors))
    return layer.sqnr[name] - layer.sqnr[plain]


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if isfinite(value) else "identical"


def refinement_json(record: RefinementRecord) -> dict[str, Any]:
    """effort, held_back, stopped, undone; reach (of ranges, in what was seen); observed, trials [{name, sqnr_db,
    taken}]; layers [{node, output, operator, taken, undone, sqnr_db: {proposal: dB}}], null for what is exact; raised
    [{values, precision, sqnr_db (of the network when they alone are int8), macs (share)}]; attempts [{raised (their
    number), int8_macs, value, is_enough}]; held_out {samples, value, error} or null; free [values in 16 bits that
    nothing multiplies]; cheap [as raised: harmful values in 16 bits that few products take].
    """
    return {
        "effort": record.effort,
        "held_back": record.held_back,
        "stopped": record.stopped or None,
        "undone": list(record.undone),
        "reach": record.reach,
        "observed": [_trial(each) for each in record.observed],
        "trials": [_trial(each) for each in record.trials],
        "free": list(record.free),
        "cheap": [_value(each) for each in record.cheap],
        "raised": [_value(each) for each in record.raised],
        "attempts": [_attempt(each) for each in record.attempts],
        "held_out": None if record.held_out is None else asdict(record.held_out),
        "layers": [_layer(layer) for layer in record.layers],
    }


def _trial(each: Trial) -> dict[str, Any]:
    return {"name": each.name, "sqnr_db": _number(each.sqnr), "taken": each.taken}


def _value(each: RaisedValue) -> dict[str, Any]:
    return {"values": list(each.names), "precision": each.precision, "sqnr_db": _number(each.sqnr), "macs": each.macs}


def _attempt(each: Attempt) -> dict[str, Any]:
    value = each.value if isfinite(each.value) else None
    return {
        "raised": len(each.raised), "int8_macs": each.int8_share, "value": value, "is_enough": each.is_enough,
    }  # fmt: skip


def _layer(layer: LayerChoice) -> dict[str, Any]:
    known = {key: value for key, value in asdict(layer).items() if key not in ("errors", "signal")}
    scores = {name: _number(value) for name, value in layer.sqnr.items()}
    return {**known, "undone": list(layer.undone), "sqnr_db": scores}


def _number(value: float) -> float | None:
    return round(value, 3) if isfinite(value) else None
