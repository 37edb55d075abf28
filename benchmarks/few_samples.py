"""What widening ranges gives where few samples calibrate: SQNR of `default` without and with it, means over draws."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

from dataclasses import replace

import numpy as np

from benchmarks.ablation import Subject, subjects
from benchmarks.assets import CLASSIFIERS
from benchmarks.table import Options, publish, sqnr, table
from edgeconv.core import Array
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.quantize.config import EFFORTS

COUNTS = (8, 16, 32, 64)
_MODELS = [asset for asset in CLASSIFIERS if "etinynet" not in asset.name]
"""Those that take seconds to convert."""
_DRAWS = 3
_WITHOUT = QuantConfig(refinements=tuple(each for each in EFFORTS["default"] if each != "unseen"))


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, _MODELS)
    rows = options.rows("few_samples", subjects(options.models), _row)
    publish("few_samples", table(("model", *(f"{count} samples" for count in COUNTS)), rows), options.write)


def _row(subject: Subject) -> list[str]:
    reference = subject.outputs(subject.graph)
    cells = [subject.name]
    for count in COUNTS:
        found = np.array([_decibels(subject, reference, count, draw) for draw in range(_DRAWS)])
        before, after = found.mean(axis=0)
        cells.append(f"{before:.1f} → {after:.1f} dB")
    return cells


def _decibels(subject: Subject, reference: Array, count: int, draw: int) -> list[float]:
    """Without and with the refinement, for one draw of calibration samples."""
    chosen = np.random.default_rng([count, draw]).permutation(len(subject.calibration))[:count]
    few = replace(subject, calibration=subject.calibration[chosen], batch=min(subject.batch, 4))
    graphs = (quantize(subject.graph, few.batches(), config) for config in (_WITHOUT, QuantConfig()))
    return [sqnr(reference, subject.outputs(graph)) for graph in graphs]


if __name__ == "__main__":
    main()
