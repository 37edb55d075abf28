"""Floor 3: load, convert, evaluate: the short recipes, which the command line uses, too.

graph = edgeconv.load("model.onnx")
model = edgeconv.convert(graph, calibration="calib.npz")
model.save("model.edge")
report = edgeconv.evaluate(model, "test.npz", reference=graph)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Union

from numpy.typing import ArrayLike

import edgeconv
from edgeconv.core import TensorType
from edgeconv.data import (
    PREPROCESSING,
    Data,
    Preprocessing,
    open_data,
    open_prepared,
    resolve,
)
from edgeconv.data.input_statistics import (
    CALIBRATION_INPUTS,
    facts_from_json,
    facts_to_json,
)
from edgeconv.data.limit import first_samples
from edgeconv.errors import AccuracyError, UnsupportedModelError, UsageError
from edgeconv.feeds import Feeds, Seen, open_calibration
from edgeconv.graph import Graph, bind_states
from edgeconv.graph.late import settled
from edgeconv.model import Model, Runnable, open_model, record_float_reasons, with_states
from edgeconv.passes import simplify
from edgeconv.quantize import (
    AUTO,
    NARROW,
    QuantConfig,
    is_quantized,
    keep_parameters,
    protect_excluded,
    quantize_recorded,
    store_narrow,
)
from edgeconv.quantize.calibrated import Calibrated
from edgeconv.quantize.ladder import climb
from edgeconv.quantize.late import REASON, config_for, with_late
from edgeconv.quantize.time_budget import TimeBudget
from edgeconv.report import AccuracyReport
from edgeconv.report.compare import choose_metric, compare
from edgeconv.report.conversion import OWN_PARAMETERS
from edgeconv.report.inspection import float_nodes
from edgeconv.report.preparation import origin_warnings, preparation_warnings
from edgeconv.report.provenance import provenance
from edgeconv.runtime.interpreter import input_type
from edgeconv.support import onnx_installed
from edgeconv.target import Target

if TYPE_CHECKING:
    import onnx


__all__ = [
    "PRECISIONS",
    "Model",
    "Progress",
    "comes_quantized",
    "convert",
    "evaluate",
    "input_types",
    "load",
]

PRECISIONS = ("int8", *NARROW, "fp32")
_FEW_SAMPLES = 32

Progress = Callable[[str, int, Union[int, None]], None]
"""Called with what is being done, the samples done so far, and the number of all (None while unknown)."""


def load(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
    input_shapes: Mapping[str, Sequence[int | str]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """The graph of an ONNX model, as it is; `convert` simplifies it.

    source: path, bytes, or ModelProto. input_shapes: dimensions by input name, to fix what the model leaves open; a
    name instead of a number keeps a dimension open. constants: values by input name; such an input becomes a constant,
    which those must on whose values shapes depend. Raises InvalidModelError, UnsupportedModelError, UsageError.
    """
    with onnx_installed():
        from edgeconv.importer import load_onnx
        from edgeconv.importer.support import every_obstacle
    try:
        return load_onnx(source, input_shapes, constants)
    except UnsupportedModelError as error:
        raise every_obstacle(error, source, input_shapes, constants) from error


def comes_quantized(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
    input_shapes: Mapping[str, Sequence[int | str]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> bool:
    """Does the model bring its own scales, so that it needs no calibration?"""
    return is_quantized(simplify(load(source, input_shapes, constants)))


def convert(
    source: Graph | str | os.PathLike[str] | bytes | onnx.ModelProto,
    calibration: Data | Calibrated | None = None,
    precision: str = "int8",
    method: str = AUTO,
    exclude: Sequence[str] = (),
    exclude_op: Sequence[str] = (),
    *,
    input_shapes: Mapping[str, Sequence[int | str]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    states: Mapping[str, str] | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    samples: int | None = None,
    effort: str = "default",
    time_budget: float | None = None,
    evaluation: Data | None = None,
    metric: str | None = None,
    max_drop: float | None = None,
    min_sqnr: float | None = None,
    hold_out: float | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Model:
    """Simplify a model and, at int8, quantize it on calibration samples.

    precision: int8; w8 and fp16, which store weights in int8 or float16 and compute in float; fp32. A model that came
    quantized (QuantizeLinear, QLinearConv ...) keeps its own scales at int8 and needs no samples; one with integer
    weights alone (MatMulInteger) keeps these where there are no samples. source, input_shapes, constants: as for
    `load`; or source is its result. states: input -> the output that it is in the next call; samples are then one
    sequence. calibration: see `edgeconv.data.open_data`, or what `calibrate` found, or the path of its .calib file.
    method: minmax, percentile, entropy, mse, or auto, which measures. exclude: shell patterns of node names that stay
    in float; exclude_op: operator types. samples: use at most so many. effort: see `edgeconv.quantize.EFFORTS`;
    time_budget: seconds after which refining stops, as the record then says. max_drop, min_sqnr: what to keep on the
    samples of `evaluation`, in the metric (top1, top5) or in dB, with as few activations above int8 as that takes.
    hold_out: the share of `evaluation` that this search does not see; the record tells the result on it. executor:
    tries, measures and rates in its workers. preprocessing: of images, kept in the file. Raises UsageError, DataError,
    AccuracyError.
    """
    _check_precision(precision, bool(exclude or exclude_op))
    config = QuantConfig(
        method=method, exclude=tuple(exclude), exclude_op=tuple(exclude_op), effort=effort, time_budget=time_budget
    )
    loaded = source if isinstance(source, Graph) else load(source, input_shapes, constants)
    graph = simplify(protect_excluded(bind_states(loaded, states) if states else loaded, config))
    images = resolve(preprocessing, {})
    graph.metadata.update({PREPROCESSING: images.to_json()} if images != Preprocessing() else {})
    if precision == "int8" and (is_quantized(graph) or (graph.grids and calibration is None)):
        return _kept(graph, config, calibration)
    if precision != "int8":
        return _in_float(graph, precision, config, calibration)
    if calibration is None:
        raise UsageError(
            "int8 needs calibration samples: pass --calib DATA, some 100 typical inputs (.npz, .npy, or a folder); "
            "--calib random:8 serves for a dry run, --precision w8 and fp32 need none"
        )
    feeds = open_calibration(settled(graph), input_types(graph), calibration, images, samples, progress)
    images = resolve(preprocessing, {PREPROCESSING: feeds.preprocessing})
    judged = None if evaluation is None else open_data(evaluation, input_types(graph), images)
    target = Target.of(settled(graph), judged, metric, max_drop, min_sqnr, hold_out, executor)
    return _quantized(graph, feeds, config, target, executor)


def evaluate(
    model: Runnable,
    data: Data,
    reference: Runnable | None = None,
    metric: str | None = None,
    *,
    batch_size: int | None = None,
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    samples: int | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> AccuracyReport:
    """Measure a model on data, beside a reference where there is one; memory does not grow with the samples.

    model, reference: a path or the bytes of an `.edge` or `.onnx` file, a Model, a Graph, a Program, an Interpreter.
    data: see `edgeconv.data.open_data`. metric: top1, top5 (these need labels), sqnr, mse (these need a reference);
    by default top1 where the data has labels, else sqnr. batch_size: samples at a time, chosen by itself otherwise.
    preprocessing: of images; by default what is kept in the file, of which a mapping changes single fields. executor:
    runs batches in its workers (threads, processes, a cluster), with the same result to the bit.
    Raises UsageError for a metric that cannot be measured, DataError for samples that do not fit.
    """
    candidate = open_model(model)
    other = None if reference is None else with_states(open_model(reference), candidate.interpreter.program)
    metadata = candidate.interpreter.program.metadata
    types = (other or candidate).interpreter.input_types
    source = first_samples(open_prepared(data, types, preprocessing, metadata), samples)
    images = resolve(preprocessing, metadata) if source.uses_preprocessing else None
    metric = choose_metric(metric, source, other is not None)
    step = None if progress is None else lambda done, total: progress("evaluating", done, total)
    measured = compare(
        candidate.interpreter,
        None if other is None else other.interpreter,
        source,
        metric,
        batch_size=batch_size,
        executor=executor,
        progress=step,
    )
    digests = {"reference": "" if other is None else other.facts.digest, "data": measured.digest}
    return AccuracyReport(
        metric=metric,
        samples=measured.samples,
        candidate=candidate.facts,
        reference=None if other is None else other.facts,
        int8=measured.int8,
        fp32=measured.fp32,
        agreement=measured.agreement,
        outputs=measured.outputs,
        data=source.name,
        is_random=source.is_random,
        flips=measured.flips,
        preprocessing="" if images is None else images.describe_fully(),
        inputs=measured.inputs,
        calibration_inputs=facts_from_json(metadata.get(CALIBRATION_INPUTS, "")),
        conversion=candidate.conversion,
        float_nodes=float_nodes(candidate.interpreter.program),
        warnings=origin_warnings({} if other is None else other.interpreter.program.metadata, metadata)
        + (() if source.is_random else preparation_warnings(metadata, measured, images) or measured.warnings),
        provenance=provenance(metadata, digests),
    )


def _quantized(
    graph: Graph,
    feeds: Feeds | Seen,
    config: QuantConfig,
    target: Target | None,
    executor: Executor | None,
) -> Model:
    """The int8 form of `graph`, as far as its shapes follow from those of its inputs; the rest stays in float."""
    clock, known = TimeBudget(config.time_budget), settled(graph)
    made = quantize_recorded(known, feeds.batches, config_for(known, config), feeds.tell, executor)
    if target is not None:
        made, is_enough = climb(made, target.measure, executor, feeds.tell, clock, target.metric != "sqnr")
        if not is_enough:
            raise AccuracyError(target.failure(made.record))
        made = target.confirmed(made)
    result = with_late(made.graph, graph)
    options = {"method": config.method, "effort": config.effort, "exclude": config.exclude}
    result.metadata.update(_provenance("int8", **options, exclude_op=config.exclude_op, state=_bound(graph)))
    result.metadata["calibration.sha256"] = feeds.digest
    result.metadata["calibration.samples"] = str(feeds.samples)
    if feeds.preprocessing:
        result.metadata[PREPROCESSING] = feeds.preprocessing
    if feeds.inputs and not feeds.is_random:
        result.metadata[CALIBRATION_INPUTS] = facts_to_json(feeds.inputs)
    record_float_reasons(result)
    warnings = _warnings(feeds.samples, feeds.is_random, result)
    if PREPROCESSING in result.metadata and not (feeds.preprocessing or feeds.is_random):
        warnings += ("the samples are arrays, and were fed as they are: what is said of images is kept for later ones",)
    warnings += tuple(
        f"input {each.name!r} is {each.min:.4g} in every calibration sample: ranges behind it come from nothing else"
        for each in feeds.inputs
        if each.min == each.max
    )
    return Model(result, made.prepared.config.method, feeds.samples, feeds.is_random, warnings, made.record)


def _check_precision(precision: str, excludes: bool) -> None:
    if precision not in PRECISIONS:
        raise UsageError(f"there is no precision {precision!r}; choose from {', '.join(PRECISIONS)}")
    if precision == "fp32" and excludes:
        raise UsageError("--exclude and --exclude-op have no use at fp32, where every operator stays in float")


def _in_float(graph: Graph, precision: str, config: QuantConfig, calibration: Data | None) -> Model:
    """A model that computes in float, its weights stored as `precision` says."""
    result = store_narrow(graph, precision, config) if precision in NARROW else graph
    options = {"exclude": config.exclude, "exclude_op": config.exclude_op, "state": _bound(graph)}
    result.metadata.update(_provenance(precision, **options))
    unused = f"{precision} needs no calibration; the samples were not used"
    return Model(result, warnings=(*graph.notes, *(() if calibration is None or precision == "fp32" else (unused,))))


def _kept(graph: Graph, config: QuantConfig, calibration: Data | None) -> Model:
    """A model that came quantized, with its own parameters."""
    known = settled(graph)
    result = with_late(keep_parameters(known, config_for(known, config)), graph)
    result.metadata.update(
        _provenance(
            "int8",
            method=OWN_PARAMETERS,
            exclude=config.exclude,
            exclude_op=config.exclude_op,
            state=_bound(graph),
        )
    )
    record_float_reasons(result)
    unused = "the model came quantized and keeps its own parameters; the calibration samples were not used"
    warnings = () if calibration is None else (unused,)
    return Model(result, OWN_PARAMETERS, warnings=(*warnings, *_warnings(_FEW_SAMPLES, False, result)))


def _bound(graph: Graph) -> tuple[str, ...]:
    return tuple(f"{source}={target}" for source, target in graph.states.items())


def input_types(graph: Graph) -> dict[str, TensorType]:
    """The types of the inputs that samples are needed for, by name, for `open_data`."""
    asked = (name for name in graph.inputs if name not in graph.states)
    return {name: input_type(graph.types[name], name, graph.metadata) for name in asked}


def _provenance(precision: str, **options: object) -> dict[str, str]:
    """What the file tells of its making: nothing that differs between machines."""
    given = {
        f"options.{key}": ",".join(value) if isinstance(value, tuple) else str(value) for key, value in options.items()
    }
    found = {"producer": f"edgeconv {edgeconv.__version__}", "options.precision": precision}
    return found | {key: value for key, value in given.items() if value}


def _warnings(samples: int, is_random: bool, graph: Graph) -> tuple[str, ...]:
    found = list(graph.notes)
    if is_random:
        found.append("ranges come from random data: fine for a dry run, but calibrate on real samples before use")
    elif samples < _FEW_SAMPLES:
        found.append(f"ranges come from {samples} samples only; a hundred or more give better ones")
    if not any(node.op_name != "Quantize" and graph.types[node.outputs[0]].q is not None for node in graph.nodes):
        late = f": {REASON}; fix open dimensions with --input-shape" if REASON in graph.float_reasons.values() else ""
        found.append(f"no operator computes in int8{late}")
    return tuple(found)
