"""Calibration: samples stream through the float program, a tap feeds the statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import DataError
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.calibrated import Calibrated
from edgeconv.quantize.parallel import stream, worker_count
from edgeconv.quantize.statistics import Statistics
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import activation_bytes

__all__ = ["Progress", "collect"]

Progress = Callable[[int], None]
"""Called with the number of samples done so far."""
Tap = Callable[[str, Array], None]


def collect(
    graph: Graph,
    batches: Iterable[Mapping[str, Array]],
    names: Iterable[str],
    progress: Progress | None = None,
    also: Tap | None = None,
) -> dict[str, Statistics]:
    """Statistics of the values called `names` over all batches; of a calibration those that it holds.

    `also` is shown the same values, from several threads at once.

    DataError when there is no sample, or when the network itself gives NaN or infinity on one.
    """
    if isinstance(batches, Calibrated):
        return batches.statistics(graph, names)
    program, names = to_program(graph), list(names)
    parts: list[dict[str, Statistics]] = []
    done = 0

    def count(batch: Mapping[str, Array]) -> None:
        nonlocal done
        done += len(next(iter(batch.values()))) if batch else 1
        if progress is not None:
            progress(done)

    def workers(batch: Mapping[str, Array]) -> int:
        shapes = [array.shape for array in prepare_inputs(program, batch)]
        return worker_count(activation_bytes(program, dict(zip(program.inputs, shapes, strict=True))))

    stream(lambda: _worker(program, names, parts, also), batches, count, workers)
    if not done:
        raise DataError("there is no calibration sample; pass at least one, better a hundred")
    seen = {name: Statistics() for name in names}
    for part in parts:
        for name, statistics in part.items():
            seen[name].merge(statistics)
    for name, statistics in seen.items():
        if not np.isfinite([statistics.minimum, statistics.maximum]).all():
            raise DataError(f"the float network gives NaN or infinity in {name!r} on these samples; is the "
                            "preprocessing right?")  # fmt: skip
    return seen


def _worker(
    program: Program, names: Iterable[str], parts: list[dict[str, Statistics]], also: Tap | None
) -> Callable[[Mapping[str, Array]], None]:
    """Runs batches through an interpreter of its own, into statistics of its own, which it adds to `parts`."""
    interpreter, seen = Interpreter(program), {name: Statistics() for name in names}
    parts.append(seen)

    def tap(name: str, array: Array) -> None:
        if name in seen:
            seen[name].add(array)
            if also is not None:
                also(name, array)

    def run(batch: Mapping[str, Array]) -> None:
        interpreter.run([], batch, tap=tap)

    return run
