"""edgeconv compare: two models of one network, layer by layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from edgeconv_cli import options
from edgeconv_cli.output import Output
from edgeconv_cli.progress import progress_bars
from edgeconv_cli.reporting import command_line

__all__ = ["compare"]


@click.command(short_help="Find the layers in which accuracy is lost.")
@click.argument("reference", type=options.EXISTING)
@click.argument("candidate", type=options.EXISTING)
@click.option("-d", "--data", required=True, metavar="DATA", help="Samples to compare on; labels are not needed.")
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N samples only.")
@click.option("--calib", metavar="DATA", help="Calibration samples, to be named in the command that would repair.")
@options.report_folder
@options.preprocessing
@options.force
@options.common
def compare(
    output: Output,
    reference: str,
    candidate: str,
    data: str,
    samples: int | None,
    calib: str | None,
    report_folder: str | None,
    images: dict[str, Any],
    force: bool,
) -> None:
    """Show what every layer of CANDIDATE loses against REFERENCE; either may be .onnx or .edge.

    \b
    edgeconv compare model.onnx model.edge --data test.npz
    edgeconv compare model.onnx model.edge --data test.npz --calib calib.npz --report report
    edgeconv compare first.edge second.edge --data test.npz --json

    Layers are ranked by harm: the noise that a layer brings to the output when it alone is quantized. At the end stands
    the command that leaves the worst of them in float.
    """
    from edgeconv.comparison import compare as compare_models
    from edgeconv.report.folder import check_report_folder, write_report
    from edgeconv.report.layer_content import layer_document
    from edgeconv.report.layer_json import layer_json

    if report_folder is not None:
        check_report_folder(report_folder, overwrite=force)
    with progress_bars(output) as progress:
        report = compare_models(
            reference, candidate, data, preprocessing=images, samples=samples, calibration=calib, progress=progress
        )
    report = replace(report, command=command_line())
    output.show(layer_document(report))
    if report_folder is not None:
        names = write_report(report_folder, report, overwrite=force)
        output.say(f"\nreport in {report_folder}: {names}")
    output.result(layer_json(report))
