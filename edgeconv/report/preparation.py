"""Were these samples prepared like those of calibration? From statistics of the inputs and of the first layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from edgeconv.core import Array, QParams, dequantize
from edgeconv.data import Batch
from edgeconv.data.input_statistics import CALIBRATION_INPUTS, FIRST_LAYERS, InputFacts, facts_from_json, mismatch
from edgeconv.report.feeding import fixed_batch
from edgeconv.runtime import Interpreter

__all__ = ["layer_facts", "preparation_warnings"]


class Seen(Protocol):
    """What was measured: statistics of the inputs and of the first layers, on how many samples."""

    @property
    def inputs(self) -> Sequence[InputFacts]: ...
    @property
    def first_layers(self) -> Sequence[InputFacts]: ...
    @property
    def samples(self) -> int: ...


def preparation_warnings(metadata: Mapping[str, str], seen: Seen) -> tuple[str, ...]:
    """One line for every input that looks otherwise than in calibration; where none does, for every first layer.

    metadata: of the file that was calibrated.
    """
    known = facts_from_json(metadata.get(CALIBRATION_INPUTS, ""))
    first = facts_from_json(metadata.get(FIRST_LAYERS, "")) if known else ()
    what = "output of the first layers"
    return mismatch(known, seen.inputs, seen.samples) or mismatch(first, seen.first_layers, seen.samples, what)


def layer_facts(interpreter: Interpreter, batch: Batch) -> tuple[InputFacts, ...]:
    """What the first layers compute on one batch; nothing where the file does not say what they did in calibration."""
    known = {each.name for each in facts_from_json(interpreter.program.metadata.get(FIRST_LAYERS, ""))}
    if (
        not known
        or interpreter.program.states
        or (fixed_batch(interpreter) not in (None, batch.count) and not batch.is_whole)
    ):
        return ()
    scales = {tensor.name: tensor.type.q for tensor in interpreter.program.tensors if tensor.name in known}
    found: dict[str, InputFacts] = {}

    def tap(name: str, array: Array) -> None:
        if name in scales and array.size:
            found[name] = _facts(name, array, scales[name])

    interpreter.run([], batch.inputs, tap=tap)
    return tuple(found.values())


def _facts(name: str, array: Array, q: QParams | None) -> InputFacts:
    real = array if q is None else dequantize(array, q)
    values = (real.mean(dtype=np.float64), real.std(dtype=np.float64), real.min(), real.max())
    return InputFacts(name, *map(float, values))
