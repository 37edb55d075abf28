"""The golden check: do the samples carried inside give, on this machine, the outputs that they gave at deployment?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.deployed.carried import read_array
from edgeconv.deployed.pattern import pattern
from edgeconv.runtime import Interpreter

__all__ = ["FLOAT_TOLERANCE", "INT8_STEPS", "Difference", "difference", "differences", "golden_inputs", "is_close"]

FLOAT_TOLERANCE = 1e-3
"""Of the golden output's largest magnitude: what a file with float operators may differ by, in float outputs."""
INT8_STEPS = 2
"""The same in int8 outputs: a last bit that differs upstream can move a value across a border of rounding."""


@dataclass(frozen=True)
class Difference:
    """One output of one sample against its golden values; `largest` in int8 steps, or as a part of the golden range."""

    sample: int
    output: str
    differing: int
    values: int
    largest: float
    is_integer: bool

    def __str__(self) -> str:
        by = f"{self.largest:.0f}" if self.is_integer else f"{self.largest:.1e} of its range"
        share = f"{self.differing:,} of {self.values:,} values"
        return f"output {self.output!r} of sample {self.sample} differs in {share}, by at most {by}"


def golden_inputs(sample: Mapping[str, Any]) -> dict[str, Array]:
    """Input name -> array of one golden sample, read or made from its seed."""
    return {
        name: read_array(given["file"]) if "file" in given else pattern(given["shape"], given["dtype"], given["seed"])
        for name, given in sample["inputs"].items()
    }


def differences(interpreter: Interpreter, samples: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Every output of every golden sample that is not what it was, bit for bit."""
    for number, sample in enumerate(samples):
        interpreter.reset()
        found = interpreter.run(None, golden_inputs(sample), raw=True)
        for name, file, array in zip(interpreter.output_names, sample["outputs"], found, strict=True):
            apart = difference(number, name, array, read_array(file))
            if apart is not None:
                yield apart


def is_close(difference: Difference) -> bool:
    """True within what float operators may cause."""
    return difference.largest <= (INT8_STEPS if difference.is_integer else FLOAT_TOLERANCE)


def difference(sample: int, name: str, array: Array, wanted: Array) -> Difference | None:
    """How `array` differs from the golden values; None where all bytes are the same."""
    if array.dtype == wanted.dtype and array.shape == wanted.shape and array.tobytes() == wanted.tobytes():
        return None
    is_integer = wanted.dtype.kind != "f"
    if array.shape != wanted.shape:
        return Difference(sample, name, array.size, array.size, np.inf, is_integer)
    found, golden = array.astype(np.float64), wanted.astype(np.float64)
    is_same = (found == golden) | (np.isnan(found) & np.isnan(golden))
    with np.errstate(invalid="ignore"):
        apart = np.where(is_same, 0.0, np.abs(found - golden))
    largest = float(np.where(np.isnan(apart), np.inf, apart).max(initial=0))
    if not is_integer:
        finite = np.abs(golden[np.isfinite(golden)])
        largest /= max(float(finite.max(initial=0)), float(np.finfo(np.float32).tiny))
    return Difference(sample, name, int(np.count_nonzero(~is_same)), array.size, largest, is_integer)
