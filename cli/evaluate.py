"""edgeconv evaluate: how good a model is on data, alone or beside a reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from edgeconv.errors import AccuracyError, UsageError
from edgeconv_cli import options
from edgeconv_cli.gate import check_gate, gate_message
from edgeconv_cli.output import Output
from edgeconv_cli.progress import progress_bars
from edgeconv_cli.reporting import command_line, with_layers, with_profile

__all__ = ["evaluate"]


@click.command(short_help="Measure a model on data, alone or beside a reference.")
@click.argument("model", type=options.EXISTING)
@click.option("-d", "--data", required=True, metavar="DATA", help="Samples, with labels for top1 and top5.")
@click.option("--reference", type=options.EXISTING, metavar="FILE", help="The model to compare with, .onnx or .edge.")
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N samples only.")
@options.workers
@options.report_options
@options.preprocessing
@options.force
@options.common
def evaluate(
    output: Output,
    model: str,
    data: str,
    reference: str | None,
    samples: int | None,
    workers: int,
    dask: str | None,
    metric: str | None,
    max_drop: float | None,
    report_folder: str | None,
    images: dict[str, Any],
    force: bool,
) -> None:
    """Measure MODEL (.edge or .onnx) on samples.

    \b
    edgeconv evaluate model.edge --data test.npz
    edgeconv evaluate model.edge --data test.npz --reference model.onnx --max-drop 0.01
    edgeconv evaluate model.edge --data random:32 --reference model.onnx --metric sqnr

    With --max-drop and a larger drop the exit code is 3.
    """
    from edgeconv import api
    from edgeconv.report.as_json import accuracy_json
    from edgeconv.report.content import accuracy_document
    from edgeconv.report.folder import check_report_folder, write_report

    if max_drop is not None and reference is None:
        raise UsageError("--max-drop compares with a reference; pass --reference MODEL")
    if metric is not None:
        check_gate(metric, max_drop)
    if report_folder is not None:
        check_report_folder(report_folder, overwrite=force)
    with options.executor(workers, dask) as executor, progress_bars(output) as progress:
        how: dict[str, Any] = {"preprocessing": images, "samples": samples, "executor": executor}
        report = api.evaluate(model, data, reference, metric, progress=progress, **how)
        if report_folder is not None and reference is not None:
            report = with_layers(report, reference, model, data, images, progress=progress)
        if report_folder is not None:
            report = with_profile(report, model, data, images)
    report = replace(report, command=command_line())
    check_gate(report.metric, max_drop)
    output.show(accuracy_document(report))
    if report_folder is not None:
        names = write_report(report_folder, report, overwrite=force)
        output.say(f"\nreport in {report_folder}: {names}")
    output.result(accuracy_json(report))
    failure = gate_message(report, max_drop)
    if failure is not None:
        raise AccuracyError(failure)
