"""Reports as JSON-ready dictionaries. Keys are only ever added; `schema` changes when a meaning does.

accuracy report, "edgeconv/accuracy-report/1":
  metric          "top1" | "top5" | "mse" | "sqnr"
  samples, data, is_random, stamp (the warning of random data, else null)
  fp32, int8      value of the metric: reference, candidate (shares 0..1; mse; dB); null where not measured
  drop            fp32 - int8 for top1 and top5; drop_points: the same in points
  agreement       share of samples with the same first class
  sqnr_db         of the worst output; null without reference, and where both are identical (see `identical`)
  outputs         [{name, sqnr_db, identical, mse, largest_error}]
  candidate, reference   {name, precision, operators, bytes, digest}; reference may be null
  conversion      see below, or null
  warnings, provenance
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
from math import isfinite
from typing import Any

from edgeconv.report.accuracy import RANDOM_STAMP, AccuracyReport, OutputFidelity
from edgeconv.report.conversion import Conversion
from edgeconv.report.refinement import refinement_json

__all__ = ["Json", "accuracy_json", "conversion_json", "finite", "output_json"]

Json = dict[str, Any]


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
        "fp32": finite(report.fp32),
        "int8": finite(report.int8),
        "drop": finite(report.drop),
        "drop_points": finite(report.drop_points),
        "agreement": finite(report.agreement),
        "sqnr_db": None if worst is None else finite(worst.sqnr),
        "identical": worst is not None and worst.mse == 0,
        "outputs": [output_json(output) for output in report.outputs],
        "candidate": asdict(report.candidate),
        "reference": None if report.reference is None else asdict(report.reference),
        "conversion": None if report.conversion is None else conversion_json(report.conversion),
        "warnings": list(report.warnings),
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


def output_json(output: OutputFidelity) -> Json:
    """One output of an accuracy report."""
    return {
        "name": output.name,
        "sqnr_db": finite(output.sqnr),
        "identical": output.mse == 0,
        "mse": finite(output.mse),
        "largest_error": finite(output.largest_error),
    }


def finite(value: float | None) -> float | None:
    """`value`, or None for what JSON does not have: infinity and NaN."""
    return value if value is not None and isfinite(value) else None
