"""edgeconv bench: how fast a model is here, where the time goes, and how fast others are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output

if TYPE_CHECKING:
    from edgeconv.bench.peers import Call
    from edgeconv.core import Shape, TensorType
    from edgeconv.runtime import Interpreter

__all__ = ["bench"]


@click.command(short_help="Measure speed, operator by operator, and beside other runtimes.")
@click.argument("model", type=options.EXISTING)
@click.option(
    "--against", multiple=True, type=options.EXISTING, metavar="FILE", help="An .onnx or .tflite file to run beside it."
)
@click.option("--data", default="random:1", metavar="DATA", help="The first sample of DATA is the input.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), metavar="S", default=3.0, show_default=True, help="How long to measure."
)
@click.option("--runs", type=click.IntRange(min=1), metavar="N", help="How many runs of each to measure at most.")
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Of every contestant."
)
@click.option(
    "--memory", type=click.Choice(["fast", "small"]), default="fast", show_default=True, help="See Interpreter."
)
@options.input_shape
@options.preprocessing
@options.common
def bench(
    output: Output,
    model: str,
    against: tuple[str, ...],
    data: str,
    seconds: float,
    runs: int | None,
    threads: int,
    memory: str,
    input_shapes: tuple[str, ...],
    images: dict[str, Any],
) -> None:
    """Measure MODEL (.edge, or .onnx in fp32) here: percentiles, a table of operators, memory, and the floor.

    \b
    edgeconv bench model.edge --threads 2
    edgeconv bench model.edge --against model.onnx --against model.tflite
    edgeconv bench detector.edge --input-shape image:1,3,320,320

    Other runtimes (ONNX Runtime, LiteRT) take turns with it, in bursts; ratios are of medians. The floor is what no
    NumPy program can go below here: the calls that are left, and the multiply-accumulates at the peak of a large
    matrix product.
    """
    from edgeconv.bench.benchmark import bench as measure
    from edgeconv.bench.benchmark import shapes_with_state
    from edgeconv.bench.content import bench_document, bench_json
    from edgeconv.bench.peers import peer_calls
    from edgeconv.data import open_prepared
    from edgeconv_cli.run import open_interpreter

    interpreter = open_interpreter(model, threads, memory)
    types = _fixed(interpreter, options.parse_input_shapes(input_shapes))
    feeds = next(iter(open_prepared(data, types, images, interpreter.program.metadata).batches(1))).inputs
    inputs = [feeds[name] for name in interpreter.input_names]
    peers: dict[str, Call] = {}
    shapes = shapes_with_state(interpreter, inputs)
    for path in against:
        calls = peer_calls(path, shapes, threads)
        peers |= {f"{name} ({os.path.basename(path)})": call for name, call in calls.items()}
    size = os.stat(model).st_size if model.endswith(".edge") else None
    name = os.path.basename(model)
    found = measure(interpreter, inputs, model=name, peers=peers, seconds=seconds, runs=runs, file_bytes=size)
    output.show(bench_document(found))
    output.result(bench_json(found))


def _fixed(interpreter: Interpreter, shapes: dict[str, list[int | str]]) -> dict[str, TensorType]:
    """The types of the inputs, of these shapes where any are given."""
    from edgeconv.dims import symbol

    strangers = sorted(shapes.keys() - set(interpreter.input_names))
    if strangers:
        known = ", ".join(map(repr, interpreter.input_names))
        raise UsageError(f"--input-shape names {strangers[0]!r}, which is no input; the model's inputs are {known}")
    types = interpreter.input_types
    for name, dims in shapes.items():
        shape = tuple(dim if isinstance(dim, int) else symbol(dim) for dim in dims)
        if not _fits(shape, types[name].shape):
            raise UsageError(f"--input-shape {name}:{','.join(map(str, dims))} does not fit the input, {types[name]}")
        types[name] = types[name].with_shape(shape)
    return types


def _fits(shape: Shape, known: Shape) -> bool:
    """True where `shape` differs from `known` in what that leaves open only."""
    both = zip(shape, known, strict=False)
    return len(shape) == len(known) and all(not isinstance(old, int) or new == old for new, old in both)
