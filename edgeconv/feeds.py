"""Floor 3: what quantization calibrates on: samples in batches that fit the model, or what was found in them before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Union

from edgeconv.core import Array, TensorType
from edgeconv.data import Batch, ContentDigest, Data, DataSource, Preprocessing, open_data
from edgeconv.data.input_statistics import InputFacts, InputStatistics
from edgeconv.data.limit import first_samples
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.calibrated import Calibrated
from edgeconv.report.feeding import fixed_batch, pad_rows, samples_at_once
from edgeconv.runtime import Interpreter

__all__ = ["Feeds", "Seen", "open_calibration"]

Progress = Callable[[str, int, Union[int, None]], None]


def open_calibration(
    graph: Graph,
    types: Mapping[str, TensorType],
    data: Data | Calibrated,
    preprocessing: Preprocessing | None,
    samples: int | None,
    progress: Progress | None,
) -> Feeds | Seen:
    """The samples of `data` for inputs of `types`; or what was found before, where `data` is that, or its file."""
    if isinstance(data, Calibrated):
        return Seen(data, progress)
    if isinstance(data, (str, os.PathLike)) and os.fspath(data).endswith(".calib"):
        from edgeconv.calibration import load_calibration

        return Seen(load_calibration(data), progress)
    return Feeds(graph, first_samples(open_data(data, types, preprocessing), samples), progress)


class Seen:
    """What calibration found before, in the place of samples."""

    def __init__(self, seen: Calibrated, progress: Progress | None) -> None:
        self.batches, self._progress = seen, progress
        self.samples, self.digest, self.is_random = seen.samples, seen.digest, seen.is_random
        self.inputs: tuple[InputFacts, ...] = ()
        self.uses_preprocessing = False

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Show progress."""
        if self._progress is not None:
            self._progress(stage, done, total)


class Feeds:
    """Calibration batches that fit the model's batch size, re-iterable.

    `samples`, `digest`, `inputs`: how many there are, their sha256 and their statistics, after a full pass.
    """

    def __init__(self, graph: Graph, data: DataSource, progress: Progress | None) -> None:
        self._interpreter = Interpreter(to_program(graph))
        self._data, self._progress = data, progress
        self._fixed, self._size = fixed_batch(self._interpreter), samples_at_once([self._interpreter], data)
        self.samples, self.digest, self.is_random = 0, "", data.is_random
        self.inputs: tuple[InputFacts, ...] = ()
        self.uses_preprocessing = data.uses_preprocessing

    @property
    def batches(self) -> Feeds:
        """Itself."""
        return self

    def __iter__(self) -> Iterator[dict[str, Array]]:
        self._interpreter.reset()
        if self.digest:
            yield from map(self._fitted, self._data.batches(self._size))
            return
        running, statistics, done = ContentDigest(), InputStatistics(self._data.inputs), 0
        for batch in self._data.batches(self._size):
            running.update(batch)
            statistics.add(batch)
            yield self._fitted(batch)
            done += batch.count
        self.samples, self.digest, self.inputs = done, running.hexdigest(), statistics.facts()

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Show progress; calibration counts samples, padding included."""
        if self._progress is None:
            return
        if stage == "calibrating":
            total = self._data.count
            done = done if total is None else min(done, total)
        self._progress(stage, done, total)

    def _fitted(self, batch: Batch) -> dict[str, Array]:
        if self._fixed is None or batch.is_whole or batch.count == self._fixed:
            return self._with_state(batch.inputs)
        return self._with_state(pad_rows(batch.inputs, self._fixed))

    def _with_state(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """With the state that the batches before have left, as the float model has it."""
        if not self._interpreter.program.states:
            return feeds
        complete = self._interpreter.with_state(feeds)
        self._interpreter.run([], feeds)
        return complete
