"""The entry point: the group of commands, and what every failure looks like (one line, one exit code)."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

import edgeconv
from edgeconv.errors import EdgeconvError, InternalError
from edgeconv.report.text import printable
from edgeconv_cli.bench import bench
from edgeconv_cli.calibrate import calibrate
from edgeconv_cli.compare import compare
from edgeconv_cli.convert import convert
from edgeconv_cli.deploy import deploy
from edgeconv_cli.evaluate import evaluate
from edgeconv_cli.inspect import inspect
from edgeconv_cli.ops import ops
from edgeconv_cli.run import run
from edgeconv_cli.verify import verify

__all__ = ["main", "run_commands"]

_FAILURE = 1
_ISSUES = "please report it, with the output of the same command and --debug"


class _InterruptedError(Exception):
    """Ctrl-C; click itself would print an empty line for it."""


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _InterruptedError from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(edgeconv.__version__, prog_name="edgeconv", message="%(prog)s %(version)s")
def commands() -> None:
    """ONNX in, a small int8 .edge file out, and what it cost in accuracy.

    \b
    edgeconv convert model.onnx --calib calib.npz --eval test.npz
    edgeconv inspect model.edge
    edgeconv run model.edge -i input.npy

    DATA is the same everywhere: an .npz with one array per input (and perhaps `labels`), an .npy for a model with one
    input, a folder of either, an image, a folder of images (one sub-folder per class), or random:N.

    Exit codes: 0 ok, 1 failure, 2 usage, 3 accuracy gate, 4 invalid or unsafe file, 5 unsupported model.
    """


for _command in (convert, calibrate, inspect, run, evaluate, compare, verify, deploy, bench, ops):
    commands.add_command(_command)


def main() -> None:
    """What the `edgeconv` script calls."""
    sys.exit(run_commands(sys.argv[1:]))


def run_commands(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code. Every failure is one line on stderr, never a traceback."""
    wants_traceback = "--debug" in arguments or bool(os.environ.get("EDGECONV_DEBUG"))
    try:
        result = commands.main(
            list(arguments) or ["--help"], prog_name="edgeconv", standalone_mode=False, obj=list(arguments)
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        # The reader of stdout (`head`) has gone; keep the interpreter from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    except (Exception, KeyboardInterrupt) as error:
        if wants_traceback:
            traceback.print_exc()
        message, code = _explain(error)
        click.echo(message, err=True)
        return code


def _explain(error: BaseException) -> tuple[str, int]:
    """(line for stderr, exit code)."""
    if isinstance(error, (_InterruptedError, click.Abort, KeyboardInterrupt)):
        return ("\n" if sys.stderr.isatty() else "") + "interrupted", _FAILURE
    if isinstance(error, click.ClickException):
        return f"error: {_line(error.format_message())}{_where(error)}", error.exit_code
    if isinstance(error, EdgeconvError) and not isinstance(error, InternalError):
        return f"error: {_line(str(error))}", error.exit_code
    if isinstance(error, MemoryError):
        return "error: out of memory; use fewer or smaller inputs at a time", _FAILURE
    if isinstance(error, OSError):
        return f"error: {_line(str(error))}", _FAILURE
    return f"edgeconv bug: {type(error).__name__}: {_line(str(error))}; {_ISSUES}", _FAILURE


def _where(error: click.ClickException) -> str:
    """Which help tells more about a wrong command line."""
    if not isinstance(error, click.UsageError):
        return ""
    return f" (see {error.ctx.command_path if error.ctx is not None else 'edgeconv'} --help)"


def _line(message: str) -> str:
    return printable(" ".join(message.split()))
