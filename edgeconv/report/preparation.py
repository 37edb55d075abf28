"""Were these samples prepared like those of calibration? From statistics of the inputs and of the first layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

import numpy as np

from edgeconv.core import Array, QParams, dequantize
from edgeconv.data import Batch
from edgeconv.data.input_statistics import CALIBRATION_INPUTS, FIRST_LAYERS, InputFacts, facts_from_json, mismatch
from edgeconv.data.preprocessing import PREPROCESSING, Preprocessing
from edgeconv.report.feeding import fixed_batch
from edgeconv.runtime import Interpreter

__all__ = ["layer_facts", "origin_warnings", "preparation_warnings"]


class Seen(Protocol):
    """What was measured: statistics of the inputs and of the first layers, on how many samples."""

    @property
    def inputs(self) -> Sequence[InputFacts]: ...
    @property
    def first_layers(self) -> Sequence[InputFacts]: ...
    @property
    def samples(self) -> int: ...


def preparation_warnings(
    metadata: Mapping[str, str], seen: Seen, images: Preprocessing | None = None
) -> tuple[str, ...]:
    """One line for every input that looks otherwise than in calibration; where none does, for every first layer; where
    none of these does, for what is told to do otherwise.

    metadata: of the file that was calibrated. images: how they were prepared, None for samples that are none.
    """
    known = facts_from_json(metadata.get(CALIBRATION_INPUTS, ""))
    first = facts_from_json(metadata.get(FIRST_LAYERS, "")) if known else ()
    what = "output of the first layers"
    looks = mismatch(known, seen.inputs, seen.samples) or mismatch(first, seen.first_layers, seen.samples, what)
    return looks or (() if images is None else _told_otherwise(metadata, images))


def origin_warnings(reference: Mapping[str, str], candidate: Mapping[str, str]) -> tuple[str, ...]:
    """One line where the metadata of a candidate that was calibrated say that it comes from another ONNX file.

    A network that came quantized may well be held against the one that it was before.
    """
    one, other = (metadata.get("source.sha256", "") for metadata in (reference, candidate))
    if not one or one == other or "calibration.sha256" not in candidate:
        return ()
    return (f"it was made from another ONNX file (sha256 {other[:8]}...) than the reference ({one[:8]}...)",)


def _told_otherwise(metadata: Mapping[str, str], images: Preprocessing) -> tuple[str, ...]:
    """Channels in another order have the same mean; what was asked for tells them."""
    stored = Preprocessing.from_json(metadata.get(PREPROCESSING, ""))
    differ = [] if stored is None else [key for key, value in asdict(stored).items() if value != getattr(images, key)]
    if not differ:
        return ()
    words = ", ".join(f"{key} {_plain(getattr(images, key))} for {_plain(getattr(stored, key))}" for key in differ)
    return (f"images are prepared otherwise than those of calibration: {words}",)


def _plain(value: object) -> str:
    return ",".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)


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
