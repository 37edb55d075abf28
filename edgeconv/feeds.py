"""Floor 3: what quantization calibrates on: samples in batches that fit the model, or what was found in them before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Union

from edgeconv.core import Array, TensorType
from edgeconv.data import Batch, ContentDigest, Data, DataSource, Preprocessing, open_data
from edgeconv.data.input_statistics import InputFacts, InputStatistics
from edgeconv.data.limit import first_samples
from edgeconv.errors import UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.calibrated import Calibrated
from edgeconv.report.feeding import fixed_batch, pad_rows, samples_at_once
from edgeconv.runtime import Interpreter

__all__ = ["Feeds", "Fitter", "Seen", "open_calibration"]

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
    if isinstance(data, (str, os.PathLike)) and os.fspath(data).endswith(".calib"):
        from edgeconv.calibration import load_calibration

        data = load_calibration(data)
    if isinstance(data, Calibrated):
        if samples is not None:
            raise UsageError("--samples: what was calibrated has seen its samples; give `calibrate` fewer")
        return Seen(data, preprocessing, progress)
    return Feeds(graph, first_samples(open_data(data, types, preprocessing), samples), preprocessing, progress)


class Seen:
    """What calibration found before, in the place of samples; UsageError for another preprocessing than it had."""

    def __init__(self, seen: Calibrated, preprocessing: Preprocessing | None, progress: Progress | None) -> None:
        self.batches, self._progress = seen, progress
        self.samples, self.digest, self.is_random = seen.samples, seen.digest, seen.is_random
        self.inputs: tuple[InputFacts, ...] = seen.inputs.facts()
        self.preprocessing = seen.preprocessing
        known = Preprocessing.from_json(seen.preprocessing)
        if known is not None and preprocessing not in (None, Preprocessing(), known):
            raise UsageError(
                f"the samples of the calibration were prepared with {known.describe_fully()}; leave the options of "
                "images out, or calibrate again with those wanted"
            )

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Show progress."""
        if self._progress is not None:
            self._progress(stage, done, total)


class Feeds:
    """Calibration batches that fit the model's batch size, re-iterable.

    `samples`, `digest`, `inputs`: how many there are, their sha256 and their statistics, after a full pass.
    `preprocessing`: of images, as in a file's metadata; "" where the samples are none.
    """

    def __init__(
        self, graph: Graph, data: DataSource, preprocessing: Preprocessing | None, progress: Progress | None
    ) -> None:
        interpreter = Interpreter(to_program(graph))
        self._fitter, self._size = Fitter(interpreter), samples_at_once([interpreter], data)
        self._data, self._progress = data, progress
        self.samples, self.digest, self.is_random = 0, "", data.is_random
        self.inputs: tuple[InputFacts, ...] = ()
        self.preprocessing = (preprocessing or Preprocessing()).to_json() if data.uses_preprocessing else ""

    @property
    def batches(self) -> Feeds:
        """Itself."""
        return self

    def __iter__(self) -> Iterator[dict[str, Array]]:
        batches = self._data.batches(self._size)
        return self._fitter(batches if self.digest else self._watched(batches))

    def _watched(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        running, statistics, done = ContentDigest(), InputStatistics(self._data.inputs), 0
        for batch in batches:
            running.update(batch)
            statistics.add(batch)
            yield batch
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


class Fitter:
    """Makes of batches what a float model takes: filled up to its own batch size, with the state that batches before
    have left.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter, self._fixed = interpreter, fixed_batch(interpreter)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[dict[str, Array]]:
        """Feeds for each of `batches`, with which a sequence begins."""
        self._interpreter.reset()
        for batch in batches:
            is_fit = self._fixed is None or batch.is_whole or batch.count == self._fixed
            yield self._with_state(batch.inputs if is_fit else pad_rows(batch.inputs, self._fixed or 0))

    def _with_state(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """With the state that the batches before have left, as the float model has it."""
        if not self._interpreter.program.states:
            return feeds
        complete = self._interpreter.with_state(feeds)
        self._interpreter.run([], feeds)
        return complete
