"""The command line of a deployed model: run it on files, or let it check itself. NumPy only."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.deployed.carried import open_model, read_about
from edgeconv.errors import EdgeconvError, UsageError

if TYPE_CHECKING:
    from edgeconv.data import DataSource
    from edgeconv.runtime import Interpreter

__all__ = ["main"]

_FAILURE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code, which is the same as `edgeconv`'s. A failure is one line on stderr."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if not (given.demo or given.check or given.inputs):
        parser.print_help()
        return UsageError.exit_code
    try:
        interpreter = open_model(threads=given.threads, memory=given.memory)
        code = _run(given, interpreter) if given.inputs else _show_check(given.demo, interpreter)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of stdout (`head`) has gone; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    except (EdgeconvError, OSError, MemoryError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split()) or type(error).__name__}\n")
        return error.exit_code if isinstance(error, EdgeconvError) else _FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python3 {os.path.basename(os.path.normpath(sys.argv[0]))}",
        description="A neural network with all that it needs to run, but for NumPy.",
        epilog='From Python: sys.path.insert(0, "this file"); from edgeconv.deployed import open_model',
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="[NAME=]FILE", help="an .npz with an array per input, or an .npy for each")
    add("-o", "--output", metavar="FILE", help="write outputs: .npz, or .npy for one output alone")
    add("-f", "--force", action="store_true", help="replace a file that exists")
    add("--raw", action="store_true", help="int8 outputs as they are, not as real numbers")
    add("--demo", action="store_true", help="measure latency here, and check golden outputs carried inside")
    add("--threads", type=int, default=1, metavar="N", help="how many work on one layer; the bytes stay the same")
    add("--memory", choices=("fast", "small"), default="fast", help="small: weights are made ready in every call")
    add("--check", action="store_true", help="check the golden outputs only")
    return parser


def _run(given: argparse.Namespace, interpreter: Interpreter) -> int:
    from edgeconv.files import check_target
    from edgeconv.report.arrays import check_array_target, save_arrays
    from edgeconv.report.feeding import run_samples
    from edgeconv.report.outputs import output_lines

    if given.output is not None:
        check_target(given.output, overwrite=given.force)
        check_array_target(given.output, len(interpreter.output_names))
    results = run_samples(interpreter, _open_inputs(given.inputs, interpreter), raw=given.raw)
    if given.output is not None:
        save_arrays(given.output, results)
        _say([f"wrote {given.output}: {', '.join(results)}"])
        return 0
    for name, array in results.items():
        _say(output_lines(name, array))
    return 0


def _open_inputs(given: Sequence[str], interpreter: Interpreter) -> DataSource:
    """The samples in the files named on the command line."""
    from edgeconv.data.checks import single_input
    from edgeconv.data.npy import npy_reader, npz_readers
    from edgeconv.data.table import TableSource

    types = interpreter.input_types
    if len(given) == 1 and given[0].endswith(".npz"):
        return TableSource(given[0], npz_readers(Path(given[0])), types)
    named = [(name, text[len(name) + 1 :]) for text in given for name in types if text.startswith(f"{name}=")]
    if not named and len(given) == 1:
        named = [(single_input(given[0], types), given[0])]
    if len(named) != len(given) or len(dict(named)) != len(named):
        raise UsageError(f"name each input once: NAME=FILE.npy; the model's inputs are {', '.join(map(repr, types))}")
    return TableSource("the inputs", {name: npy_reader(Path(path)) for name, path in named}, types)


def _show_check(measure: bool, interpreter: Interpreter) -> int:
    from edgeconv.deployed.demo import check_lines, measure_lines

    about = read_about()
    if measure:
        _say(measure_lines(interpreter, about))
    lines, is_right = check_lines(interpreter, about)
    _say(lines)
    return 0 if is_right else _FAILURE


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
