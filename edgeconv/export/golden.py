"""Golden samples: inputs and the outputs that they give at deployment, small enough to travel with the model."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from edgeconv.core import Array, TensorType, quantize
from edgeconv.data import DataSource
from edgeconv.data.draw import RandomSource
from edgeconv.deployed.pattern import pattern
from edgeconv.report.feeding import fixed_batch, pad_rows
from edgeconv.runtime import Interpreter

__all__ = ["MOST_SAMPLES", "Golden", "make_golden"]

MOST_SAMPLES = 8
"""Of a source of samples, the first so many are taken."""


@dataclass(frozen=True)
class Golden:
    """`samples`: what `edgeconv.deployed.golden` reads, as plain data. `files`: name -> bytes of an `.npy`."""

    samples: tuple[Mapping[str, Any], ...]
    files: Mapping[str, bytes]


def make_golden(interpreter: Interpreter, source: DataSource) -> Golden:
    """Golden samples from a source: drawn ones are kept as a seed, others as arrays (int8 where the input is)."""
    types = interpreter.input_types
    samples, files = [], dict[str, bytes]()
    for number, given in enumerate(_samples(interpreter, source)):
        inputs: dict[str, Any] = {}
        feeds: dict[str, Array] = {}
        for place, (name, known) in enumerate(types.items()):
            if isinstance(source, RandomSource):
                seed = (source.seed + number) * len(types) + place
                shape = list(given[name].shape)
                inputs[name] = {"seed": seed, "shape": shape, "dtype": known.dtype}
                feeds[name] = pattern(shape, known.dtype, seed)
            else:
                file, feeds[name] = f"golden-{number}-input-{place}.npy", _stored(given[name], known)
                inputs[name], files[file] = {"file": file}, _npy(feeds[name])
        interpreter.reset()
        outputs = {
            f"golden-{number}-output-{place}.npy": _npy(array)
            for place, array in enumerate(interpreter.run(None, feeds, raw=True))
        }
        files |= outputs
        samples.append({"inputs": inputs, "outputs": list(outputs)})
    return Golden(tuple(samples), files)


def _samples(interpreter: Interpreter, source: DataSource) -> Iterator[Mapping[str, Array]]:
    """Inputs for single runs: one sample each, or as many as the model takes at a time."""
    size = fixed_batch(interpreter) or 1
    for batch in islice(source.batches(size), -(-MOST_SAMPLES // size)):
        yield batch.inputs if batch.is_whole else pad_rows(batch.inputs, size)


def _stored(array: Array, known: TensorType) -> Array:
    """The values that the input itself holds."""
    is_real = known.q is not None and array.dtype.kind == "f"
    return quantize(array, known.q, known.dtype) if is_real and known.q is not None else array


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return buffer.getvalue()
