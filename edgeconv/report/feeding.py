"""Feeding samples to a model, whatever batch size it was exported with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np

from edgeconv.core import Array
from edgeconv.data import Batch, DataSource
from edgeconv.errors import InvalidModelError
from edgeconv.runtime import Interpreter
from edgeconv.runtime.planner import resolve_types

__all__ = ["fixed_batch", "pad_rows", "run_batch", "run_samples", "samples_at_once"]

_ACTIVATION_BYTES = 1 << 28
"""What the activations of one batch may take, all together, where the batch size is free."""
_MOST_SAMPLES = 32


def fixed_batch(interpreter: Interpreter) -> int | None:
    """How many rows the model takes at a time; None where that is free. With a state, rows are steps of a sequence."""
    sizes = [known.shape[0] for known in map(interpreter.input_type, interpreter.input_names) if known.rank]
    fixed = [size for size in sizes if isinstance(size, int)]
    if sizes and len(fixed) == len(sizes):
        return fixed[0]
    return 1 if interpreter.program.states else None


def samples_at_once(interpreters: Sequence[Interpreter], source: DataSource) -> int:
    """A batch size for `source`: what a model fixes, else as many as fit the memory meant for activations.

    1 where a model computes with one sample only, although its batch size is free.
    """
    fixed = [size for size in map(fixed_batch, interpreters) if size is not None]
    if fixed:
        return max(fixed)
    one = next(iter(source.batches(1)))
    needed = max(_activation_bytes(interpreter, one.inputs) for interpreter in interpreters)
    most = max(min(_ACTIVATION_BYTES // max(needed, 1), _MOST_SAMPLES), 1)
    if one.is_whole:
        return most
    try:
        for interpreter in interpreters:
            _activation_bytes(interpreter, one.inputs, most)
    except InvalidModelError:
        return 1
    return most


def _activation_bytes(interpreter: Interpreter, feeds: Mapping[str, Array], samples: int = 1) -> int:
    program = interpreter.program
    known = {index: feeds[name].shape for index in program.inputs if (name := program.tensors[index].name) in feeds}
    shapes = known if samples == 1 else {index: (samples, *shape[1:]) for index, shape in known.items()}
    types = resolve_types(program, shapes)
    wanted = chain(program.inputs, *(step.outputs for step in program.steps))
    return sum(types[index].nbytes for index in wanted if index >= 0 and types[index].is_static)


def pad_rows(feeds: Mapping[str, Array], size: int) -> dict[str, Array]:
    """`feeds` with the last row repeated until there are `size`."""
    return {
        name: np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)]) for name, rows in feeds.items()
    }


def run_samples(
    interpreter: Interpreter, source: DataSource, *, raw: bool = False, see: Callable[[Batch], object] | None = None
) -> dict[str, Array]:
    """All outputs by name for all samples, run batch after batch; `see` is shown every batch."""
    interpreter.reset()
    parts = []
    for batch in source.batches(samples_at_once([interpreter], source)):
        if see is not None:
            see(batch)
        parts.append(run_batch(interpreter, batch, raw=raw))
    joined = [np.concatenate(each) if len(each) > 1 else each[0] for each in zip(*parts, strict=True)]
    return dict(zip(interpreter.output_names, joined, strict=True))


def run_batch(interpreter: Interpreter, batch: Batch, *, raw: bool = False) -> list[Array]:
    """All outputs for a batch. A model with a fixed batch size is fed that many rows at a time; the last rows are
    padded by repeating, and the surplus is dropped from every output that has as many rows as the input.
    """
    size = fixed_batch(interpreter)
    if size is None or batch.is_whole or size == batch.count:
        return interpreter.run(None, batch.inputs, raw=raw)
    parts = [_run_rows(interpreter, batch.inputs, start, size, raw) for start in range(0, batch.count, size)]
    return [np.concatenate(pieces) if pieces[0].ndim else np.stack(pieces) for pieces in zip(*parts, strict=True)]


def _run_rows(interpreter: Interpreter, feeds: Mapping[str, Array], start: int, size: int, raw: bool) -> list[Array]:
    rows = {name: array[start : start + size] for name, array in feeds.items()}
    count = len(next(iter(rows.values())))
    if count == size:
        return interpreter.run(None, rows, raw=raw)
    outputs = interpreter.run(None, pad_rows(rows, size), raw=raw)
    return [output[:count] if output.ndim and len(output) == size else output for output in outputs]
