"""Layer reports as JSON-ready dictionaries. Keys are only ever added; `schema` changes when a meaning does.

"edgeconv/layer-report/1":
  samples, harm_samples, data, is_random, stamp
  candidate, reference   {name, precision, operators, bytes, digest}
  sqnr_db, identical     of the worst output
  outputs    [{name, sqnr_db, identical, mse, largest_error}]
  layers     in order of execution: {name, operator, value, is_float, dtype, rank (1 is the most harmful), harm (share
             0..1), local_sqnr_db, cumulative_sqnr_db, output_sqnr_db (with only this layer quantized), weight_sqnr_db,
             saturated (share), seen [low, high], held [low, high] or null, rescaled, histogram {low, high, counts} or
             null}; an SQNR is null where nothing is lost, or where there is nothing to measure
  unmatched  names of operators whose output the reference does not have
  repair     {layers, exclude, sqnr_before_db, sqnr_after_db, samples, command, is_complete} or null
  warnings, command, provenance
"""

from __future__ import annotations

from dataclasses import asdict

from edgeconv.report.accuracy import RANDOM_STAMP, OutputFidelity
from edgeconv.report.figures import Json, output_json
from edgeconv.report.layers import LayerFacts, LayerReport, Repair

__all__ = ["layer_json"]


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
        "sqnr_db": None if worst is None else worst.sqnr,
        "identical": _identical(worst),
        "outputs": [output_json(output) for output in report.outputs],
        "layers": [_layer_json(layer, ranks[id(layer)]) for layer in report.layers],
        "unmatched": list(report.unmatched),
        "repair": None if report.repair is None else _repair_json(report.repair),
        "warnings": list(report.warnings),
        "command": report.command,
        "provenance": dict(sorted(report.provenance.items())),
    }


def _layer_json(layer: LayerFacts, rank: int) -> Json:
    return {
        "name": layer.name,
        "operator": layer.operator,
        "value": layer.value,
        "is_float": layer.held is None,
        "dtype": layer.dtype,
        "rank": rank,
        "harm": layer.harm,
        "local_sqnr_db": layer.local,
        "cumulative_sqnr_db": layer.cumulative,
        "output_sqnr_db": layer.alone,
        "weight_sqnr_db": layer.weights,
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
        "sqnr_before_db": repair.sqnr_before,
        "sqnr_after_db": repair.sqnr_after,
        "samples": repair.samples,
        "command": repair.command,
        "is_complete": repair.is_complete,
    }


def _identical(worst: OutputFidelity | None) -> bool:
    return worst is not None and worst.mse == 0
