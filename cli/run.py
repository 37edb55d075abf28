"""edgeconv run: a model on inputs from files. Needs numpy and click only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output

if TYPE_CHECKING:
    from edgeconv.core import Array
    from edgeconv.data import DataSource, Preprocessing
    from edgeconv.runtime import Interpreter

__all__ = ["run"]

_SAMPLES_SHOWN = 5
_TOP = 5


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
    images: Preprocessing,
    force: bool,
) -> None:
    """Run MODEL (.edge, or .onnx in fp32) and show or write its outputs.

    \b
    edgeconv run model.edge -i input.npy
    edgeconv run model.edge -i x=left.npy -i y=right.npy -o out.npz
    edgeconv run model.edge -i photos/ --scale 1/255
    """
    from edgeconv.data import open_data
    from edgeconv.files import check_target
    from edgeconv.report.arrays import check_array_target, save_arrays

    if target is not None:
        check_target(target, overwrite=force)
    interpreter = _interpreter(model)
    if target is not None:
        check_array_target(target, len(interpreter.output_names))
    types = {name: interpreter.input_type(name) for name in interpreter.input_names}
    source = open_data(_samples(inputs, interpreter.input_names), types, images)
    results = _run_all(interpreter, source, raw)
    if target is not None:
        save_arrays(target, results)
        output.say(f"wrote {target}: {', '.join(f'{n} {_kind(a)}' for n, a in results.items())}")
    else:
        for name, array in results.items():
            _show(output, name, array)
    output.result(
        {
            "schema": "edgeconv/run/1",
            "model": model,
            "written": target,
            "outputs": [_facts(name, array) for name, array in results.items()],
        }
    )


def _interpreter(path: str) -> Interpreter:
    from edgeconv.runtime import Interpreter

    with open(path, "rb") as file:
        is_edge = file.read(8)[4:] == b"EDG1" or path.endswith(".edge")
    if is_edge:
        return Interpreter(path)
    from edgeconv.model import open_model

    return open_model(path).interpreter


def _samples(given: Sequence[str], names: Sequence[str]) -> str | dict[str, str]:
    """DATA as `open_data` takes it, from the -i options."""
    named = [(name, text[len(name) + 1 :]) for text in given for name in names if text.startswith(f"{name}=")]
    if not named and len(given) == 1:
        return given[0]
    found = dict(named)
    if len(named) != len(given) or len(found) != len(named):
        raise UsageError(f"-i takes NAME=FILE, each input once; the model's inputs are {', '.join(map(repr, names))}")
    return found


def _run_all(interpreter: Interpreter, source: DataSource, raw: bool) -> dict[str, Array]:
    """All outputs for all samples, batch after batch."""
    import numpy as np

    from edgeconv.report.feeding import run_batch, samples_at_once

    size = samples_at_once([interpreter], source)
    parts = [run_batch(interpreter, batch, raw=raw) for batch in source.batches(size)]
    joined = [np.concatenate(each) if len(each) > 1 else each[0] for each in zip(*parts, strict=True)]
    return dict(zip(interpreter.output_names, joined, strict=True))


def _kind(array: Array) -> str:
    return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"


def _show(output: Output, name: str, array: Array) -> None:
    from edgeconv.report.text import printable

    facts = _facts(name, array)
    spread = "" if facts["min"] is None else f"   min {facts['min']:.6g}   max {facts['max']:.6g}"
    output.say(f"{printable(name)}  {_kind(array)}{spread}")
    for number, top in enumerate(facts["top"]):
        output.say(f"  sample {number}: " + "   ".join(f"{c['class']}: {c['score']:.5g}" for c in top))
    if facts["top"] and len(array) > _SAMPLES_SHOWN:
        output.say(f"  and {len(array) - _SAMPLES_SHOWN:,} more; write them all with -o")


def _facts(name: str, array: Array) -> dict[str, Any]:
    """What to say of an output; `top`: for scores per class, the highest of the first samples."""
    is_number = array.size > 0 and array.dtype.kind in "fiub"
    is_finite = is_number and bool(_finite(array))
    return {
        "name": name,
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "min": float(array.min()) if is_finite else None,
        "max": float(array.max()) if is_finite else None,
        "top": _top(array) if is_finite else [],
    }


def _finite(array: Array) -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())


def _top(array: Array) -> list[list[Mapping[str, float]]]:
    from edgeconv.report.metrics import has_classes

    if not has_classes(array):
        return []
    rows = array.reshape(len(array), -1)[:_SAMPLES_SHOWN]
    order = (-rows.astype("float64")).argsort(axis=1, kind="stable")[:, :_TOP]
    return [[{"class": int(c), "score": float(row[c])} for c in best] for row, best in zip(rows, order, strict=True)]
