"""edgeconv convert: ONNX -> .edge, and what it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import AccuracyError, UsageError
from edgeconv_cli import options
from edgeconv_cli.gate import check_gate, gate_message
from edgeconv_cli.output import Output
from edgeconv_cli.progress import progress_bars
from edgeconv_cli.reporting import command_line, command_words, with_layers, with_profile

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edgeconv.api import Progress
    from edgeconv.data import DataSource
    from edgeconv.graph import Graph
    from edgeconv.model import Model
    from edgeconv.quantize.calibrated import Calibrated
    from edgeconv.report import AccuracyReport

__all__ = ["convert"]

_OF_INT8 = {"method", "effort", "time_budget"}
"""Parameters of which nothing comes in any other precision; what becomes of samples, the conversion says itself."""


@click.command(short_help="Turn an ONNX model into a small int8 .edge file, and say what it cost.")
@click.argument("model", type=options.EXISTING)
@click.argument("edge", type=options.PATH, required=False, metavar="[MODEL.edge]")
@click.option("-o", "--output", "named", type=options.PATH, help="The same as MODEL.edge, for those used to it.")
@click.option(
    "-d",
    "--calib",
    metavar="DATA",
    help="Calibration samples, some 100 typical inputs; needed for int8 unless MODEL is quantized.",
)
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N calibration samples only.")
@click.option("--precision", type=click.Choice(["int8", "w8", "fp16", "fp32"]), default="int8", show_default=True)
@click.option(
    "--method",
    type=click.Choice(["auto", "minmax", "percentile", "entropy", "mse"]),
    default="auto",
    show_default=True,
    help="How calibration picks the ranges of activations: auto measures which costs the network's output least.",
)
@options.state
@click.option("--exclude", multiple=True, metavar="GLOB", help="Keep nodes whose name matches in float. Repeatable.")
@click.option("--exclude-op", multiple=True, metavar="TYPE", help="Keep operators of a type in float. Repeatable.")
@click.option(
    "--effort",
    type=click.Choice(["fast", "default", "best"]),
    default="default",
    show_default=True,
    help="How much is tried to lose less: fast corrects biases, best tries many ways and takes its time.",
)
@click.option(
    "--time-budget",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop refining after so long, and say so.",
)
@options.input_shape
@options.bind
@click.option("--eval", "eval_data", metavar="DATA", help="Samples to measure fp32 and int8 on, with labels for top1.")
@click.option(
    "--min-sqnr",
    type=float,
    metavar="DB",
    help="Accuracy gate without labels: the outputs' least SQNR beside fp32, in dB, on --eval.",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Keep this share of --eval, such as 0.5, out of the search that --max-drop and --min-sqnr start.",
)
@options.workers
@options.report_options
@options.preprocessing
@options.force
@options.common
def convert(output: Output, **given: Any) -> None:
    """Turn the ONNX file MODEL into an .edge file (by default beside it, with the same name).

    \b
    edgeconv convert model.onnx --calib calib.npz
    edgeconv convert model.onnx small.edge --calib calib.npz --eval test.npz --max-drop 0.01
    edgeconv convert model.onnx --calib photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --scale 1/255
    edgeconv convert model.onnx --precision w8            (int8 weights, float arithmetic: needs no --calib)
    edgeconv convert quantized.onnx                       (QDQ or QOperator: keeps its own parameters)
    edgeconv convert model.onnx --calib random:8          (a dry run: does it convert?)

    With --max-drop and a larger drop (or --min-sqnr and less), as few activations as it takes are held in 16 bits, or
    in float. Where that is not enough nothing is written, and the exit code is 3.
    """
    targets = {target for target in (given.pop("edge"), given.pop("named")) if target}
    if len(targets) > 1:
        raise UsageError(f"two files to write, {' and '.join(sorted(targets))}: give one")
    targets = targets or {str(Path(given["model"]).with_suffix(".edge"))}
    job = _Job(output=output, target=targets.pop(), **given)
    job.check()
    job.run()


@dataclass
class _Job:
    """One conversion: the options given, and the steps in order."""

    output: Output
    model: str
    target: str
    calib: str | None
    samples: int | None
    precision: str
    method: str
    states: tuple[str, ...]
    exclude: tuple[str, ...]
    exclude_op: tuple[str, ...]
    effort: str
    time_budget: float | None
    input_shapes: tuple[str, ...]
    bindings: tuple[str, ...]
    eval_data: str | None
    metric: str | None
    max_drop: float | None
    min_sqnr: float | None
    hold_out: float | None
    workers: int
    dask: str | None
    report_folder: str | None
    images: dict[str, Any]
    force: bool
    seen: Calibrated | None = None

    def check(self) -> None:
        """Everything that can be wrong before the long work starts."""
        from edgeconv.files import check_target
        from edgeconv.report.folder import check_report_folder

        if self.eval_data is None and (self.metric or self.max_drop is not None or self.min_sqnr is not None):
            raise UsageError("--metric, --max-drop and --min-sqnr need samples to measure on: pass --eval DATA")
        if self.hold_out is not None and self.max_drop is None and self.min_sqnr is None:
            raise UsageError("--hold-out is about the search that --max-drop and --min-sqnr start: pass one of these")
        if self.max_drop is not None and self.min_sqnr is not None:
            raise UsageError("--max-drop and --min-sqnr are two ways to say what to keep: pass one of them")
        if Path(self.target).resolve() == Path(self.model).resolve():
            raise UsageError(f"{self.target} is the model itself; name another file for the result")
        if Path(self.target).suffix.lower() == ".onnx":
            raise UsageError(f"{self.target}: an .edge file is no ONNX model; name it {Path(self.target).stem}.edge")
        if self.precision != "int8":
            for option in (option for name, option in options.typed().items() if name in _OF_INT8):
                self.output.warn(f"{option} is about int8; nothing comes of it with --precision {self.precision}")
        check_target(self.target, overwrite=self.force)
        if self.report_folder is not None:
            check_report_folder(self.report_folder, overwrite=self.force)

    def run(self) -> None:
        """Convert, measure, write, and say so."""
        from edgeconv import api
        from edgeconv.calibration import load_calibration
        from edgeconv.graph import bind_states

        started = time.perf_counter()
        shapes, constants = options.parse_input_shapes(self.input_shapes), options.parse_bindings(self.bindings)
        graph = bind_states(api.load(self.model, shapes, constants), options.parse_states(self.states))
        if self.calib is not None and self.calib.endswith(".calib"):
            self.seen = load_calibration(self.calib)
        source = self._evaluation_source(graph)
        with options.executor(self.workers, self.dask) as executor, progress_bars(self.output) as progress:
            if executor is not None and self.seen is None and self.precision == "int8":
                self.seen = self._calibrate(shapes, constants, executor, progress)
            model = self._convert(graph, progress, executor)
            report = self._evaluate(model, graph, source, executor, progress)
            failure = gate_message(report, self.max_drop, self.min_sqnr)
            if failure is not None and model.refinement is not None:
                try:
                    gate = {"max_drop": self.max_drop, "min_sqnr": self.min_sqnr, "hold_out": self.hold_out}
                    model = self._convert(graph, progress, executor, evaluation=source, metric=self.metric, **gate)
                    report = self._evaluate(model, graph, source, executor, progress)
                    failure = gate_message(report, self.max_drop, self.min_sqnr)
                except AccuracyError as error:
                    failure = f"{failure}; {error}"
            if report is not None and source is not None and self.report_folder is not None:
                words = command_words()
                report = with_layers(report, graph, model, source, self.images, command=words, progress=progress)
                report = with_profile(report, model, source, self.images)
        if failure is None:
            model.save(self.target, overwrite=self.force)
        self._tell(model, report, failure is None, time.perf_counter() - started)
        if failure is not None:
            raise AccuracyError(f"{failure}; {self.target} was not written")

    def _convert(self, graph: Graph, progress: Progress | None, executor: Executor | None = None, **more: Any) -> Model:
        from edgeconv import api

        return api.convert(
            graph,
            self.calib if self.seen is None else self.seen,
            self.precision,
            self.method,
            self.exclude,
            self.exclude_op,
            preprocessing=self.images,
            samples=self.samples,
            effort=self.effort,
            time_budget=self.time_budget,
            executor=executor,
            progress=progress,
            **more,
        )

    def _calibrate(
        self, shapes: Any, constants: Any, executor: Executor, progress: Progress | None
    ) -> Calibrated | None:
        """What the samples tell, found by the workers; None where there is nothing for them to do."""
        from edgeconv import api
        from edgeconv.calibration import calibrate
        from edgeconv.data import resolve

        if self.calib is None or api.comes_quantized(self.model, shapes, constants):
            return None
        return calibrate(
            self.model,
            self.calib,
            exclude=self.exclude,
            exclude_op=self.exclude_op,
            effort=self.effort,
            input_shapes=shapes,
            constants=constants,
            states=options.parse_states(self.states),
            preprocessing=resolve(self.images, {}),
            samples=self.samples,
            executor=executor,
            progress=progress,
        )

    def _evaluate(
        self,
        model: Model,
        graph: Graph,
        source: DataSource | None,
        executor: Executor | None,
        progress: Progress | None,
    ) -> AccuracyReport | None:
        """The report on the samples of --eval, where they are given."""
        from edgeconv import api

        if source is None:
            return None
        how: dict[str, Any] = {"metric": self.metric, "executor": executor, "progress": progress}
        return self._named(api.evaluate(model, source, reference=graph, **how))

    def _evaluation_source(self, graph: Graph) -> DataSource | None:
        """The samples of --eval, opened and held against the model before calibration."""
        if self.eval_data is None:
            return None
        from edgeconv import api
        from edgeconv.data import PREPROCESSING, open_data, resolve
        from edgeconv.report.compare import choose_metric

        known = {} if self.seen is None else {PREPROCESSING: self.seen.preprocessing}
        source = open_data(self.eval_data, api.input_types(graph), resolve(self.images, known))
        check_gate(choose_metric(self.metric, source, has_reference=True), self.max_drop)
        return source

    def _named(self, report: AccuracyReport) -> AccuracyReport:
        assert report.reference is not None
        candidate = replace(report.candidate, name=Path(self.target).name)
        reference = replace(report.reference, name=Path(self.model).name)
        return replace(report, candidate=candidate, reference=reference, command=command_line())

    def _tell(self, model: Model, report: AccuracyReport | None, is_written: bool, seconds: float) -> None:
        from edgeconv.report.as_json import accuracy_json, conversion_json
        from edgeconv.report.content import accuracy_document, conversion_document

        self.output.show(conversion_document(model.conversion) if report is None else accuracy_document(report))
        self.output.say()
        if self.report_folder is not None:
            from edgeconv.report.folder import write_report

            subject = replace(model.conversion, command=command_line()) if report is None else report
            names = write_report(self.report_folder, subject, Path(self.target).name, overwrite=self.force)
            self.output.say(f"report in {self.report_folder}: {names}")
        if is_written:
            self.output.say(f"wrote {self.target} ({model.bytes_after:,} bytes) in {seconds:.1f} s")
        self.output.result(
            {
                "schema": "edgeconv/convert/1",
                "model": self.model,
                "edge": self.target if is_written else None,
                "conversion": conversion_json(model.conversion),
                "accuracy": None if report is None else accuracy_json(report),
                "report": self.report_folder,
            }
        )
