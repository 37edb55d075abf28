"""Floor 3: calibration apart from conversion: in shards, in processes, on a cluster, interrupted and taken up again.

seen = edgeconv.calibrate("model.onnx", "images/", shard=(3, 8))
seen.save("3.calib");  everything = edgeconv.Calibration.load("1.calib").merged(edgeconv.Calibration.load("2.calib"))
model = edgeconv.convert("model.onnx", calibration=everything)
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice

from numpy.typing import ArrayLike

from edgeconv.api import Progress, input_types, load
from edgeconv.core import Array
from edgeconv.data import Batch, ContentDigest, Data, Preprocessing, open_data
from edgeconv.data.input_statistics import InputStatistics
from edgeconv.data.limit import first_samples
from edgeconv.data.preprocessing import PREPROCESSING
from edgeconv.errors import UsageError
from edgeconv.export.program import to_program
from edgeconv.feeds import Fitter
from edgeconv.files import replacing
from edgeconv.graph import Graph, bind_states
from edgeconv.graph.late import settled
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, protect_excluded
from edgeconv.quantize.assign import observed_values
from edgeconv.quantize.calibrate import collect
from edgeconv.quantize.calibrated import Calibrated, Variant, signature_of
from edgeconv.quantize.late import config_for
from edgeconv.quantize.pipeline import equalized_forms
from edgeconv.quantize.refine.stepper import few_batches
from edgeconv.quantize.select import select
from edgeconv.quantize.statistics import Statistics
from edgeconv.report.feeding import samples_at_once
from edgeconv.report.tasks import as_they_come
from edgeconv.runtime import Interpreter

__all__ = ["calibrate", "load_calibration", "save_calibration"]

_TASKS_PER_SHARD = 32
"""Tasks of an executor, at most: what is lost with one of them is done again."""


@dataclass(frozen=True)
class _Task:
    """Everything that a worker needs to calibrate batches number `start` to `stop`."""

    source: str | bytes
    shapes: Mapping[str, Sequence[int | str]]
    constants: Mapping[str, ArrayLike]
    states: Mapping[str, str]
    config: QuantConfig
    data: Data
    preprocessing: Preprocessing | None
    samples: int | None
    start: int = 0
    stop: int = 0


def calibrate(
    source: str | os.PathLike[str] | bytes,
    data: Data,
    *,
    exclude: Sequence[str] = (),
    exclude_op: Sequence[str] = (),
    effort: str = "default",
    input_shapes: Mapping[str, Sequence[int | str]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    states: Mapping[str, str] | None = None,
    preprocessing: Preprocessing | None = None,
    samples: int | None = None,
    shard: tuple[int, int] = (1, 1),
    resumed: Calibrated | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    checkpoint: Callable[[Calibrated], None] | None = None,
) -> Calibrated:
    """Run calibration samples through a model, and keep what `convert` needs of them.

    source: path or bytes of an ONNX model. data, exclude, exclude_op, effort, input_shapes, constants, states,
    preprocessing, samples: as for `convert`, and to be the same there. shard: (i, n) takes the i-th of n parts of the
    data; with states, whose samples are one sequence, the float network alone also runs what comes before. resumed:
    what was seen before, which is not seen again. executor: does batches in its workers (processes, threads, a
    cluster), which must be able to read a path. checkpoint: gets what was seen so far, now and then.
    Raises UsageError for options that make no sense, DataError for samples that do not fit.
    """
    number, count = shard
    if not 1 <= number <= count:
        raise UsageError(
            f"shard {number}/{count} does not exist; the shards of {count} are 1/{count} to {count}/{count}"
        )
    config = QuantConfig(exclude=tuple(exclude), exclude_op=tuple(exclude_op), effort=effort)
    model = source if isinstance(source, bytes) else os.fspath(source)
    given = dict(input_shapes or {}), dict(constants or {}), dict(states or {})
    setup = _Setup(task := _Task(model, *given, config, data, preprocessing, samples))
    seen = setup.nothing if resumed is None else setup.nothing.merged(resumed)
    shared = range(setup.total * (number - 1) // count, setup.total * number // count)
    most = len(shared) if task.states else -(-len(shared) // _TASKS_PER_SHARD)
    runs = _runs([batch for batch in shared if batch not in seen.parts], most)
    tasks = [replace(task, start=start, stop=stop) for start, stop in runs]
    whole = sum(1 for _ in shared)
    for part in map(setup.run, tasks) if executor is None else as_they_come(executor, _run_task, tasks):
        seen = seen.merged(part)
        if progress is not None:
            progress("calibrating", len(set(shared) & set(seen.parts)), whole)
        if checkpoint is not None:
            checkpoint(seen)
    return replace(seen, source=setup)


def _runs(numbers: Sequence[int], most: int) -> list[tuple[int, int]]:
    """`numbers`, ascending, as (start, stop) of runs of at most `most`."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number and number - found[-1][0] < most:
            found[-1] = found[-1][0], number + 1
        else:
            found.append((number, number + 1))
    return found


class _Setup:
    """A model and data, opened: the forms of the network to be calibrated, and how the data are cut into batches."""

    def __init__(self, task: _Task) -> None:
        config = task.config
        loaded = bind_states(load(task.source, task.shapes, task.constants), task.states)
        graph = simplify(protect_excluded(loaded, config))
        self.data = first_samples(open_data(task.data, input_types(graph), task.preprocessing), task.samples)
        graph = settled(graph)
        config = config_for(graph, config)
        if self.data.count is None:
            raise UsageError(f"{self.data.name}: the number of samples is not known; give files, arrays, or a list")
        interpreter = Interpreter(to_program(graph))
        self._fitter, self.size = Fitter(interpreter), samples_at_once([interpreter], self.data)
        self.total = -(-self.data.count // self.size)
        few = few_batches(graph, self)
        self._graphs = [each for _, each in equalized_forms(graph, few, config)]
        images = task.preprocessing or Preprocessing()
        recipe = {
            "model": graph.metadata["source.sha256"],
            "effort": config.effort,
            "exclude": ",".join((*config.exclude, *config.exclude_op)),
            "states": repr(sorted(task.states.items())),
            PREPROCESSING: images.to_json() if self.data.uses_preprocessing else "",
            "input shapes": repr(sorted((name, tuple(shape)) for name, shape in task.shapes.items())),
            "samples": str(self.data.count),
            "batch size": str(self.size),
            "first samples": _digest([Batch(dict(batch), None, 0) for batch in few]),
        }
        self._names = [_observed(each, config) for each in self._graphs]
        variants = [
            Variant(signature_of(each), _nothing(names)) for each, names in zip(self._graphs, self._names, strict=True)
        ]
        inputs = InputStatistics(self.data.inputs)
        self.nothing = Calibrated(recipe, few, variants, {}, self.total, self.data.is_random, inputs)

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return self._fitter(self.data.batches(self.size))

    def run(self, task: _Task) -> Calibrated:
        """Calibrate the batches of a task, streaming them once for each form of the network."""
        parts: dict[int, tuple[int, str]] = {}
        inputs = InputStatistics(self.data.inputs)

        def see(number: int, batch: Batch) -> Batch:
            if number >= task.start and number not in parts:
                parts[number] = batch.count, _digest([batch], number * self.size)
                inputs.add(batch)
            return batch

        variants = [
            Variant(known.signature, collect(graph, self._feeds(task, see), names))
            for known, graph, names in zip(self.nothing.variants, self._graphs, self._names, strict=True)
        ]
        return replace(self.nothing, variants=variants, parts=parts, inputs=inputs)

    def _feeds(self, task: _Task, see: Callable[[int, Batch], Batch]) -> Iterator[dict[str, Array]]:
        """What the model takes for the batches of a task; with states the sequence is followed from its beginning."""
        begin = 0 if task.states else task.start
        rest = self.data.without_first(begin * self.size).batches(self.size)
        batches = (see(number, batch) for number, batch in zip(range(begin, task.stop), rest, strict=False))
        return islice(self._fitter(batches), task.start - begin, None)


_opened: dict[bytes, _Setup] = {}


def _run_task(task: _Task) -> Calibrated:
    """In a worker, which keeps the last model open."""
    key = pickle.dumps(replace(task, start=0, stop=0))
    if key not in _opened:
        _opened.clear()
        _opened[key] = _Setup(task)
    return _opened[key].run(task)


def _observed(graph: Graph, config: QuantConfig) -> list[str]:
    return [name for name in observed_values(graph, select(graph, config)) if graph.constant(name) is None]


def _nothing(names: Sequence[str]) -> dict[str, Statistics]:
    return {name: Statistics() for name in names}


def _digest(batches: Sequence[Batch], first: int = 0) -> str:
    running = ContentDigest(first)
    for batch in batches:
        running.update(batch)
    return running.hexdigest()


def save_calibration(seen: Calibrated, path: str | os.PathLike[str], *, compressed: bool = True) -> None:
    """Write a .calib file, at once or not at all."""
    with replacing(path) as file:
        file.write(seen.to_bytes(compressed=compressed))


def load_calibration(path: str | os.PathLike[str]) -> Calibrated:
    """Read a .calib file; UsageError where it cannot be read, CorruptDataError where it is none."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UsageError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error
    return Calibrated.from_bytes(content, os.fspath(path))
