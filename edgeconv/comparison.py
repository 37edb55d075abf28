"""Floor 3: compare, the recipe behind `edgeconv compare`: two models of one network, layer by layer."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from edgeconv.api import Progress, load
from edgeconv.data import Data, Preprocessing, open_prepared, resolve
from edgeconv.data.limit import first_samples
from edgeconv.errors import UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.model import Opened, Runnable, is_edge_file, open_model, with_states
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, protect_excluded
from edgeconv.report.compare_layers import compare_layers
from edgeconv.report.layers import LayerReport
from edgeconv.report.preparation import origin_warnings, preparation_warnings
from edgeconv.report.provenance import provenance
from edgeconv.report.repair import convert_command, repair_of
from edgeconv.runtime import Interpreter

__all__ = ["compare"]

_MODEL, _EDGE = "MODEL.onnx", "MODEL.edge"
"""Stand for files in a command where there are none."""


def compare(
    reference: Runnable,
    candidate: Runnable,
    data: Data,
    *,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    samples: int | None = None,
    calibration: str | None = None,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> LayerReport:
    """Judge every layer of `candidate` against `reference` on data; memory does not grow with the samples.

    reference, candidate: a path or the bytes of an `.edge` or `.onnx` file, a Model, a Graph, a Program, an
    Interpreter; ONNX models and graphs are simplified as `convert` does it. data: see `edgeconv.data.open_data`.
    calibration: how the command that would repair the worst layers shall name its calibration samples; command: the
    words of the one that made the candidate, to which exclusions are added, where they are known. Raises
    UsageError for models that have no layer in common, DataError for samples that do not fit.
    """
    other = open_model(candidate) if not _is_source(candidate) else _simplified(candidate, {}).opened
    metadata = other.interpreter.program.metadata
    first = _simplified(reference, metadata) if _is_source(reference) else _Source(open_model(reference), None)
    first = replace(first, opened=with_states(first.opened, other.interpreter.program))
    types = first.opened.interpreter.input_types
    source = first_samples(open_prepared(data, types, preprocessing, metadata), samples)
    images = resolve(preprocessing, metadata) if source.uses_preprocessing else None
    step = None if progress is None else lambda done, total: progress("comparing", done, total)
    measured = compare_layers(other.interpreter, first.opened.interpreter, source, step)
    if calibration is None and measured.digest == metadata.get("calibration.sha256"):
        calibration = source.name
    make = _command(first, reference, candidate, metadata, calibration) if command is None else partial(_more, command)
    values = {tensor.name for tensor in first.opened.interpreter.program.tensors}
    digests = {"reference": first.opened.facts.digest, "candidate": other.facts.digest, "data": measured.digest}
    return LayerReport(
        reference=first.opened.facts,
        candidate=other.facts,
        samples=measured.samples,
        harm_samples=measured.harm_samples,
        layers=measured.layers,
        outputs=measured.outputs,
        unmatched=measured.unmatched,
        data=source.name,
        is_random=source.is_random,
        warnings=origin_warnings(first.opened.interpreter.program.metadata, metadata)
        + (() if source.is_random else preparation_warnings(metadata, measured, images)),
        repair=repair_of(measured.remedy, measured.layers, first.graph, values, make),
        provenance=provenance(metadata, digests),
    )


@dataclass(frozen=True)
class _Source:
    """A reference, and the graph as imported where it came from ONNX."""

    opened: Opened
    graph: Graph | None


def _is_source(model: Runnable) -> bool:
    """True for what is simplified before it runs: an ONNX file, or its graph."""
    if isinstance(model, (str, bytes, os.PathLike)):
        return not is_edge_file(model)
    return isinstance(model, Graph)


def _simplified(model: Runnable, metadata: Mapping[str, str]) -> _Source:
    """An ONNX model as `convert` simplifies it, what `metadata` says was excluded left alone."""
    assert isinstance(model, (str, bytes, os.PathLike, Graph))
    graph = model if isinstance(model, Graph) else load(model)
    found = simplify(_protected(graph, metadata))
    facts = replace(open_model(found).facts, name=_name(model))
    return _Source(Opened(Interpreter(to_program(found)), facts), graph)


def _protected(graph: Graph, metadata: Mapping[str, str]) -> Graph:
    exclude, exclude_op = (
        tuple(filter(None, metadata.get(f"options.{name}", "").split(","))) for name in ("exclude", "exclude_op")
    )
    try:
        return protect_excluded(graph, QuantConfig(exclude=exclude, exclude_op=exclude_op))
    except UsageError:  # made from another model: nothing to leave alone
        return graph


def _command(
    first: _Source, reference: Runnable, candidate: Runnable, metadata: Mapping[str, str], calibration: str | None
) -> Callable[[Iterable[str]], str]:
    """From patterns to exclude to the command that converts once more."""
    model = _MODEL if first.graph is None else _path(reference, _MODEL)
    return partial(convert_command, model, _path(candidate, _EDGE), calibration, metadata)


def _more(command: Sequence[str], exclude: Iterable[str]) -> str:
    """The same command once more, with exclusions."""
    force = [] if {"-f", "--force"} & set(command) else ["--force"]
    return shlex.join([*command, *force, *(word for pattern in exclude for word in ("--exclude", pattern))])


def _path(model: Runnable, otherwise: str) -> str:
    return os.fspath(model) if isinstance(model, (str, os.PathLike)) else otherwise


def _name(model: Runnable) -> str:
    return os.path.basename(model) if isinstance(model, (str, os.PathLike)) else "imported model"
