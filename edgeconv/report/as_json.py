"""Reports as JSON-ready dictionaries. Keys are only ever added; `schema` changes when a meaning does.

accuracy report, "edgeconv/accuracy-report/1":
  metric          "top1" | "top5" | "mse" | "sqnr"
  samples, data, is_random, stamp (the warning of random data, else null)
  fp32, int8      value of the metric: reference, candidate (shares 0..1; mse; dB); null where not measured
  drop            fp32 - int8 for top1 and top5; drop_points: the same in points
  agreement       share of samples with the same first class
  sqnr_db         of the worst output; null without reference, and where both are identical (see `identical`)
  outputs         [{name, sqnr_db, identical, mse, largest_error}]
  flips           {classes, decisions, flipped, lost, gained, pairs: [{before, after, count, lost, gained}]}: where both
                  put another class first; lost, gained: right before and wrong now, and the other way round, null
                  without labels; null where outputs are no classes
  inputs, calibration_inputs   [{name, mean, std, min, max}], here and in calibration
  preprocessing   of images, or null
  profile         {seconds, runs, steps: [{name, operator, seconds}]} of the candidate on one sample, or null
  layers          see `edgeconv.report.layer_json`, or null
  candidate, reference   {name, precision, operators, bytes, digest, activation_bytes}; reference may be null
  conversion      see below, or null
  float_nodes     [{name, operator, reason}] of the candidate
  warnings, command, provenance
conversion, "edgeconv/conversion/1":
  precision, method ("own": the model came quantized), calibration_samples, calibration_is_random
  operators       {before, after, passes: [{name, changed, removed}]}
  bytes           {before, after}; before is null when the source was no file
  float_nodes     [{name, operator, reason}]
  warnings
  refinement      see `edgeconv.report.refinement.refinement_json`, or null
"""

from __future__ import annotations

from dataclasses import asdict

from edgeconv.report.accuracy import RANDOM_STAMP, AccuracyReport
from edgeconv.report.conversion import Conversion
from edgeconv.report.figures import Json, output_json
from edgeconv.report.layer_json import layer_json
from edgeconv.report.profile import profile_json
from edgeconv.report.refinement import refinement_json

__all__ = ["accuracy_json", "conversion_json"]


def accuracy_json(report: AccuracyReport) -> Json:
    """The report under the schema above."""
    worst = report.worst
    return {
        "schema": "edgeconv/accuracy-report/1",
        "metric": report.metric,
        "samples": report.samples,
        "data": report.data,
        "is_random": report.is_random,
        "stamp": RANDOM_STAMP if report.is_random else None,
        "fp32": report.fp32,
        "int8": report.int8,
        "drop": report.drop,
        "drop_points": report.drop_points,
        "agreement": report.agreement,
        "sqnr_db": None if worst is None else worst.sqnr,
        "identical": worst is not None and worst.mse == 0,
        "outputs": [output_json(output) for output in report.outputs],
        "flips": None if report.flips is None else asdict(report.flips),
        "inputs": [asdict(each) for each in report.inputs],
        "calibration_inputs": [asdict(each) for each in report.calibration_inputs],
        "preprocessing": report.preprocessing or None,
        "profile": None if report.profile is None else profile_json(report.profile),
        "layers": None if report.layers is None else layer_json(report.layers),
        "candidate": asdict(report.candidate),
        "reference": None if report.reference is None else asdict(report.reference),
        "conversion": None if report.conversion is None else conversion_json(report.conversion),
        "float_nodes": [asdict(node) for node in report.float_nodes],
        "warnings": list(report.warnings),
        "command": report.command,
        "provenance": dict(sorted(report.provenance.items())),
    }


def conversion_json(conversion: Conversion) -> Json:
    """The conversion under the schema above."""
    return {
        "schema": "edgeconv/conversion/1",
        "precision": conversion.precision,
        "method": conversion.method,
        "calibration_samples": conversion.calibration_samples,
        "calibration_is_random": conversion.calibration_is_random,
        "operators": {
            "before": conversion.operators_before,
            "after": conversion.operators_after,
            "passes": [asdict(effect) for effect in conversion.passes],
        },
        "bytes": {"before": conversion.bytes_before, "after": conversion.bytes_after},
        "float_nodes": [asdict(node) for node in conversion.float_nodes],
        "warnings": list(conversion.warnings),
        "refinement": None if conversion.refinement is None else refinement_json(conversion.refinement),
    }
