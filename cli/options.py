"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgeconv.errors import UsageError
from edgeconv_cli.output import Output

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edgeconv.core import Array

__all__ = [
    "EXISTING",
    "METRIC",
    "PATH",
    "common",
    "bind",
    "executor",
    "force",
    "input_shape",
    "parse_bindings",
    "parse_input_shapes",
    "parse_states",
    "preprocessing",
    "report_folder",
    "report_options",
    "state",
    "typed",
    "workers",
]

Function = TypeVar("Function", bound=Callable[..., Any])

PATH = click.Path(path_type=str)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=str)
METRIC = click.Choice(["top1", "top5", "mse", "sqnr"])

_PREPROCESSING = {
    "mean": ("NUMBERS", "Images: subtracted after --scale; one number, or one per channel: 0.485,0.456,0.406."),
    "std": ("NUMBERS", "Images: divided by, after --mean; as --mean."),
    "scale": ("NUMBER", "Images: multiplies pixels of 0..255 first, such as 1/255."),
    "layout": ("LAYOUT", "Images: auto, NCHW or NHWC."),
    "channels": ("CHANNELS", "Images: auto, RGB, BGR or GRAY."),
    "resize": ("HOW", "Images of another size: stretch, center-crop, or exact (refuse)."),
}


def common(function: Function) -> Function:
    """--json, --quiet and --debug; the function gets an `output` instead."""

    @click.option("--json", "as_json", is_flag=True, help="Machine output on stdout, everything else on stderr.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
    @click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    @wraps(function)
    def wrapped(*args: Any, as_json: bool, quiet: bool, **kwargs: Any) -> Any:
        return function(*args, output=Output(as_json, quiet), **kwargs)

    return wrapped  # type: ignore[return-value]  # the signature is click's business


def typed() -> dict[str, str]:
    """What stands on the command line of the running command: name of the parameter -> the option in its long form."""
    context = click.get_current_context()
    return {
        name: parameter.opts[-1]
        for parameter in context.command.params
        if context.get_parameter_source(name := parameter.name or "") is ParameterSource.COMMANDLINE
    }


def force(function: Function) -> Function:
    """--force."""
    return click.option("-f", "--force", is_flag=True, help="Replace files that exist.")(function)


def input_shape(function: Function) -> Function:
    """--input-shape, repeatable."""
    return click.option(
        "--input-shape",
        "input_shapes",
        multiple=True,
        metavar="NAME:D,D,...",
        help="Fix the dimensions of an input, such as x:1,3,224,224; a name keeps one open: x:N,3,224,224. Repeatable.",
    )(function)


def parse_input_shapes(texts: tuple[str, ...]) -> dict[str, list[int | str]]:
    """Input name -> dimensions."""
    shapes: dict[str, list[int | str]] = {}
    for text in texts:
        name, colon, dims = text.rpartition(":")
        parts = [part.strip() for part in dims.split(",")]
        if not colon or not name or not all(_is_dimension(part) for part in parts):
            raise UsageError(f"--input-shape {text!r} is not understood; expected NAME:D,D,... as in x:1,3,224,224")
        if name in shapes:
            raise UsageError(f"--input-shape gives {name!r} twice")
        shapes[name] = [int(part) if part.isdecimal() else part for part in parts]
    return shapes


def state(function: Function) -> Function:
    """--state, repeatable."""
    return click.option(
        "--state",
        "states",
        multiple=True,
        metavar="INPUT=OUTPUT",
        help="The output is the input in the next call, kept by the interpreter. Repeatable.",
    )(function)


def parse_states(texts: tuple[str, ...]) -> dict[str, str]:
    """Input name -> name of the output that it is in the next call."""
    states: dict[str, str] = {}
    for text in texts:
        source, equals, target = text.partition("=")
        if not equals or not source or not target or source in states:
            raise UsageError(f"--state {text!r} is not understood; expected INPUT=OUTPUT, each input once")
        states[source] = target
    return states


def bind(function: Function) -> Function:
    """--bind, repeatable."""
    return click.option(
        "--bind",
        "bindings",
        multiple=True,
        metavar="NAME=V,V,...",
        help="Make an input a constant, such as axes=1,2 or scales=up.npy, since shapes depend on it. Repeatable.",
    )(function)


def parse_bindings(texts: tuple[str, ...]) -> dict[str, Array]:
    """Input name -> value: numbers, or the array in an .npy file."""
    values: dict[str, Array] = {}
    for text in texts:
        name, equals, given = text.rpartition("=")
        if not equals or not name:
            raise UsageError(
                f"--bind {text!r} is not understood; expected NAME=V,V,... as in axes=1,2, or NAME=FILE.npy"
            )
        if name in values:
            raise UsageError(f"--bind gives {name!r} twice")
        values[name] = _bound_value(text, given)
    return values


def _bound_value(text: str, given: str) -> Array:
    import numpy as np

    try:
        if given.endswith(".npy"):
            array: Array = np.load(given, allow_pickle=False)
            return array
        return np.array([int(part) if "." not in part and "e" not in part else float(part) for part in _parts(given)])
    except (OSError, ValueError) as error:
        raise UsageError(f"--bind {text!r} is not understood: {error}") from error


def _parts(given: str) -> list[str]:
    return [part.strip().lower() for part in given.split(",") if part.strip()]


def _is_dimension(text: str) -> bool:
    return text.isidentifier() or (text.isascii() and text.isdecimal() and int(text) > 0)


def preprocessing(function: Function) -> Function:
    """--mean, --std, --scale, --layout, --channels, --resize; the function gets `images`: the fields that are given."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in _PREPROCESSING}
        return function(*args, images=_parse_preprocessing(given), **kwargs)

    decorated: Any = wrapped
    for name, (metavar, text) in reversed(_PREPROCESSING.items()):
        decorated = click.option(f"--{name}", metavar=metavar, help=text)(decorated)
    return decorated  # type: ignore[no-any-return]  # the signature is click's business


def _parse_preprocessing(given: dict[str, str | None]) -> dict[str, Any]:
    """Fields of a Preprocessing, checked."""
    from edgeconv.data import Preprocessing
    from edgeconv.data.preprocessing import parse_fields

    fields = parse_fields({name: value for name, value in given.items() if value is not None})
    Preprocessing(**fields)
    return fields


def workers(function: Function) -> Function:
    """--workers and --dask; the function gets both, for `executor`."""
    decorated = click.option(
        "--dask", metavar="ADDRESS", help="Work on a Dask cluster, such as tcp://scheduler:8786; needs edgeconv[dask]."
    )(function)
    return click.option(
        "--workers", type=click.IntRange(min=1), default=1, metavar="N", help="Work in N processes at once."
    )(decorated)


@contextmanager
def executor(processes: int, dask: str | None) -> Iterator[Executor | None]:
    """What runs tasks for --workers and --dask; None for the process itself."""
    if dask is not None:
        from edgeconv_cli.cluster import on_cluster

        with on_cluster(dask) as found:
            yield found
        return
    if processes == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield pool


def report_folder(function: Function) -> Function:
    """--report."""
    return click.option(
        "--report",
        "report_folder",
        type=PATH,
        metavar="DIR",
        help="Write report.html, .md and .json there.",
    )(function)


def report_options(function: Function) -> Function:
    """--metric, --max-drop and --report."""
    decorated = click.option(
        "--max-drop",
        type=click.FloatRange(min=0, max=1),
        metavar="SHARE",
        help="Accuracy gate: exit 3 when the drop is larger. 0.01 is one point.",
    )(report_folder(function))
    return click.option(
        "--metric", type=METRIC, help="What to measure; by default top1 where the data has labels, else sqnr."
    )(decorated)
