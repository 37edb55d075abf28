"""compare_layers: two models over the samples of a source, layer by layer. Everything streams; only sums are kept."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.data import ContentDigest, DataSource
from edgeconv.data.input_statistics import InputFacts, InputStatistics
from edgeconv.errors import UsageError
from edgeconv.report.accuracy import OutputFidelity
from edgeconv.report.compare import Progress
from edgeconv.report.feeding import fixed_batch, pad_rows, samples_at_once
from edgeconv.report.layers import LayerFacts
from edgeconv.report.layerwise import Layerwise
from edgeconv.report.mixture import Remedy
from edgeconv.report.settled import settled_pair
from edgeconv.report.sites import unmatched_steps
from edgeconv.runtime import Interpreter

__all__ = ["LayersMeasured", "compare_layers"]

_MOST_SAMPLES = 16
"""All values of both models are held at once, so batches are smaller than the interpreter's."""


@dataclass(frozen=True)
class LayersMeasured:
    """What was found; see LayerReport for the fields. `digest`: sha256 of the samples that were used."""

    samples: int
    harm_samples: int
    layers: tuple[LayerFacts, ...]
    outputs: tuple[OutputFidelity, ...]
    unmatched: tuple[str, ...]
    inputs: tuple[InputFacts, ...]
    first_layers: tuple[InputFacts, ...]
    remedy: Remedy | None
    digest: str


def compare_layers(
    candidate: Interpreter, reference: Interpreter, source: DataSource, progress: Progress | None = None
) -> LayersMeasured:
    """Judge every layer of `candidate` on all samples of `source`.

    Raises UsageError where the models have no layer in common, DataError for samples that do not fit.
    """
    candidate, reference = settled_pair(candidate, reference)
    running = Layerwise(reference.program, candidate.program)
    if not running.layers:
        raise UsageError("the two models have no value of the same name in common; are they the same network? "
                         "A file keeps the names of the ONNX model that it was made from")  # fmt: skip
    models = [candidate, reference]
    fixed = next((size for size in map(fixed_batch, models) if size is not None), None)
    digest, inputs, done = ContentDigest(), InputStatistics(source.inputs), 0
    for batch in source.batches(fixed or min(samples_at_once(models, source), _MOST_SAMPLES)):
        digest.update(batch)
        inputs.add(batch)
        is_padded = not batch.is_whole and fixed is not None and batch.count < fixed
        feeds = pad_rows(batch.inputs, fixed) if is_padded and fixed else batch.inputs
        running.add(feeds, batch.count, batch.count if is_padded else None)
        done += batch.count
        if progress is not None:
            progress(done, source.count)
    return LayersMeasured(
        done,
        running.harm_samples,
        running.facts(),
        running.fidelity(),
        unmatched_steps(candidate.program, running.sites),
        inputs.facts(),
        (),
        running.remedy,
        digest.hexdigest(),
    )
