"""Where a measurement comes from, as rows for a report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import edgeconv
from edgeconv.data import PREPROCESSING
from edgeconv.data.input_statistics import CALIBRATION_INPUTS, FIRST_LAYERS
from edgeconv.quantize.refine.equalize import RESCALED
from edgeconv.report.inspection import FLOAT_REASONS

__all__ = ["provenance"]

_SAID_ELSEWHERE = (FLOAT_REASONS, RESCALED, CALIBRATION_INPUTS, FIRST_LAYERS, PREPROCESSING)


def provenance(metadata: Mapping[str, str], digests: Mapping[str, str]) -> dict[str, str]:
    """What a file tells of its making, digests of what was used, and the versions of what measured."""
    found = {f"model.{key}": value for key, value in metadata.items() if key not in _SAID_ELSEWHERE}
    known = {f"{name}.sha256": digest for name, digest in digests.items() if digest}
    return found | known | {"edgeconv": edgeconv.__version__, "numpy": np.__version__}
