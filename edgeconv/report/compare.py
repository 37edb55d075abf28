"""compare: two models, or one, over the samples of a source. Everything streams; only sums are kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from edgeconv.core import Array
from edgeconv.data import Batch, ContentDigest, DataSource
from edgeconv.data.input_statistics import InputFacts, InputStatistics
from edgeconv.errors import DataError, UsageError
from edgeconv.report.accuracy import CLASSIFICATION, METRICS, Flips, OutputFidelity
from edgeconv.report.elsewhere import run_models
from edgeconv.report.feeding import samples_at_once
from edgeconv.report.metrics import Agreement, Fidelity, FlipCounts, TopK, has_classes
from edgeconv.report.preparation import layer_facts
from edgeconv.report.settled import settled_pair
from edgeconv.runtime import Interpreter

__all__ = ["Measured", "Progress", "choose_metric", "compare"]

Progress = Callable[[int, int | None], None]
"""Called with the samples done so far and the number of all, None while that is unknown."""


@dataclass(frozen=True)
class Measured:
    """What `compare` found; see AccuracyReport for the fields.

    `first_layers`: what the candidate's first layers computed on the first batch. `digest`: sha256 of the samples.
    `warnings`: doubts about samples or labels.
    """

    samples: int
    int8: float
    fp32: float | None
    agreement: float | None
    flips: Flips | None
    outputs: tuple[OutputFidelity, ...]
    inputs: tuple[InputFacts, ...]
    first_layers: tuple[InputFacts, ...]
    digest: str
    warnings: tuple[str, ...] = ()


def choose_metric(metric: str | None, source: DataSource, has_reference: bool) -> str:
    """`metric` if it can be measured, top1 or sqnr if there is no wish. UsageError where something is missing."""
    if metric is None:
        metric = "top1" if source.has_labels else "sqnr"
    if metric not in METRICS:
        raise UsageError(f"there is no metric {metric!r}; choose from {', '.join(METRICS)}")
    if metric in CLASSIFICATION and not source.has_labels:
        raise UsageError(f"--metric {metric} needs labels, but {source.name} has none; add an array 'labels', or "
                         "compare with a reference (--metric sqnr --reference MODEL)")  # fmt: skip
    if metric not in CLASSIFICATION and not has_reference:
        raise UsageError(
            f"--metric {metric} compares with a reference; pass --reference MODEL, or data with labels for top1"
        )
    return metric


def compare(
    candidate: Interpreter,
    reference: Interpreter | None,
    source: DataSource,
    metric: str,
    *,
    batch_size: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Measure `candidate` (beside `reference`) on all samples of `source`; see `settled_pair` for what is compared.

    `executor` runs batches in its workers.

    Raises DataError for samples or labels that do not fit the models.
    """
    if reference is not None:
        candidate, reference = settled_pair(candidate, reference)
    models = [candidate] if reference is None else [candidate, reference]
    size = batch_size or samples_at_once(models, source)
    for model in models:
        model.reset()
    tally = _Tally(candidate, reference, metric, source)
    for batch, outputs in run_models(models, source.batches(size), executor):
        tally.add(batch, *outputs)
        if progress is not None:
            progress(tally.samples, source.count)
    return tally.result()


class _Tally:
    """Running sums over batches."""

    def __init__(
        self,
        candidate: Interpreter,
        reference: Interpreter | None,
        metric: str,
        source: DataSource,
    ) -> None:
        self._candidate, self._reference, self._metric, self._name = candidate, reference, metric, source.name
        k = 5 if metric == "top5" else 1
        self._hits, self._reference_hits, self._agreement = TopK(k), TopK(k), Agreement()
        self._flips = FlipCounts()
        self._fidelity = [Fidelity(name) for name in candidate.output_names]
        self._digest = ContentDigest()
        self._inputs = InputStatistics(source.inputs)
        self._layers: tuple[InputFacts, ...] = ()
        self._agrees = True
        self.samples = 0

    def add(self, batch: Batch, found: list[Array], wanted: list[Array] | None = None) -> None:
        """Take in a batch, what the candidate makes of it, and what the reference does."""
        self.samples += batch.count
        self._digest.update(batch)
        self._inputs.add(batch)
        if not self._layers:
            self._layers = layer_facts(self._candidate, batch)
        self._score(self._hits, found, batch)
        if wanted is None:
            return
        self._score(self._reference_hits, wanted, batch)
        if len(wanted) != len(found):
            raise DataError(
                f"the model has {len(found)} outputs, the reference {len(wanted)}; are they the same network?"
            )
        for fidelity, expected, output in zip(self._fidelity, wanted, found, strict=True):
            fidelity.add(expected, output)
        self._agrees = self._agrees and (
            self._metric in CLASSIFICATION or (len(wanted) == 1 and has_classes(wanted[0]))
        )
        if self._agrees:
            self._agreement.add(wanted[0], found[0])
            self._flips.add(wanted[0], found[0], batch.labels)

    def _score(self, hits: TopK, outputs: list[Array], batch: Batch) -> None:
        if self._metric in CLASSIFICATION and batch.labels is not None:
            try:
                hits.add(outputs[0], batch.labels)
            except DataError as error:
                raise DataError(f"{self._name}: {error}") from error

    def result(self) -> Measured:
        outputs = () if self._reference is None else tuple(fidelity.value for fidelity in self._fidelity)
        if self._metric in CLASSIFICATION:
            value, wanted = self._hits.value, None if self._reference is None else self._reference_hits.value
        else:
            value, wanted = _worst(self._metric, outputs), None
        agrees = self._reference is not None and self._agrees
        agreement, flips = (self._agreement.value, self._flips.value) if agrees else (None, None)
        return Measured(
            self.samples,
            value,
            wanted,
            agreement,
            flips,
            outputs,
            self._inputs.facts(),
            self._layers,
            self._digest.hexdigest(),
            self._warnings(),
        )

    def _warnings(self) -> tuple[str, ...]:
        who, hits = ("the model", self._hits) if self._reference is None else ("the reference", self._reference_hits)
        guesses = hits.guesses
        return (f"{who} is {guesses}: do preprocessing and labels belong to it?",) if guesses else ()


def _worst(metric: str, outputs: tuple[OutputFidelity, ...]) -> float:
    if metric == "sqnr":
        return min(output.sqnr for output in outputs)
    return max(output.mse for output in outputs)
