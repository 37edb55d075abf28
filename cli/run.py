"""edgeconv run: a model on inputs from files. Needs numpy and click only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter

__all__ = ["open_interpreter", "run"]


@click.command(short_help="Run a model on inputs from files.")
@click.argument("model", type=options.EXISTING)
@click.option(
    "-i",
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="[NAME=]FILE",
    help="An .npy per input, or any DATA that holds all of them.",
)
@click.option("-o", "--output", "target", type=options.PATH, help="Write outputs: .npz, or .npy for one output alone.")
@click.option("--raw", is_flag=True, help="int8 outputs as they are, not as real numbers.")
@options.preprocessing
@options.force
@options.common
def run(
    output: Output,
    model: str,
    inputs: tuple[str, ...],
    target: str | None,
    raw: bool,
    images: dict[str, Any],
    force: bool,
) -> None:
    """Run MODEL (.edge, or .onnx in fp32) and show or write its outputs.

    \b
    edgeconv run model.edge -i input.npy
    edgeconv run model.edge -i x=left.npy -i y=right.npy -o out.npz
    edgeconv run model.edge -i photos/ --scale 1/255
    """
    from edgeconv.data import open_prepared
    from edgeconv.data.input_statistics import CALIBRATION_INPUTS, InputStatistics, facts_from_json, mismatch
    from edgeconv.files import check_target
    from edgeconv.report.arrays import check_array_target, save_arrays
    from edgeconv.report.feeding import run_samples
    from edgeconv.report.outputs import kind_of, output_facts, output_lines

    if target is not None:
        check_target(target, overwrite=force)
    interpreter = open_interpreter(model)
    if target is not None:
        check_array_target(target, len(interpreter.output_names))
    samples, metadata = _samples(inputs, interpreter.input_names), interpreter.program.metadata
    source = open_prepared(samples, interpreter.input_types, images, metadata)
    seen = InputStatistics(source.inputs)
    results = run_samples(interpreter, source, raw=raw, see=seen.add)
    if not source.is_random:
        for warning in mismatch(facts_from_json(metadata.get(CALIBRATION_INPUTS, "")), seen.facts(), source.count or 1):
            output.warn(warning)
    if target is not None:
        save_arrays(target, results)
        output.say(f"wrote {target}: {', '.join(f'{n} {kind_of(a)}' for n, a in results.items())}")
    else:
        for name, array in results.items():
            for line in output_lines(name, array):
                output.say(line)
    output.result(
        {
            "schema": "edgeconv/run/1",
            "model": model,
            "written": target,
            "outputs": [output_facts(name, array) for name, array in results.items()],
        }
    )


def open_interpreter(path: str, threads: int = 1, memory: str = "fast") -> Interpreter:
    """The model at `path`, .edge or .onnx, ready to run; for an .edge file numpy suffices."""
    from edgeconv.runtime import Interpreter

    with open(path, "rb") as file:
        is_edge = file.read(8)[4:] == b"EDG1" or path.endswith(".edge")
    if is_edge:
        return Interpreter(path, threads=threads, memory=memory)
    from edgeconv.model import open_model

    return Interpreter(open_model(path).interpreter.program, threads=threads, memory=memory)


def _samples(given: Sequence[str], names: Sequence[str]) -> str | dict[str, str]:
    """DATA as `open_data` takes it, from the -i options."""
    named = [(name, text[len(name) + 1 :]) for text in given for name in names if text.startswith(f"{name}=")]
    if not named and len(given) == 1 and ("=" not in given[0] or os.path.exists(given[0])):
        return given[0]
    found = dict(named)
    if len(named) != len(given) or len(found) != len(named):
        raise UsageError(f"-i takes NAME=FILE, each input once; the model's inputs are {', '.join(map(repr, names))}")
    return found
