"""What `--report DIR` adds to a measurement: the layers one by one, and the command that was typed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import DataError, UsageError

if TYPE_CHECKING:
    from edgeconv.api import Progress
    from edgeconv.data import Data
    from edgeconv.model import Runnable
    from edgeconv.report import AccuracyReport

__all__ = ["command_line", "command_words", "with_layers", "with_profile"]

_SAMPLES = 256
"""Enough to rank layers by."""
_RUNS = 10


def command_words() -> list[str]:
    """The words that were typed."""
    arguments = click.get_current_context().find_root().obj
    return ["edgeconv", *(arguments or ())]


def command_line() -> str:
    """What was typed, quoted for a shell."""
    return shlex.join(command_words())


def with_layers(
    report: AccuracyReport,
    reference: Runnable,
    candidate: Runnable,
    data: Data,
    images: dict[str, Any],
    *,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> AccuracyReport:
    """The report with every layer judged on the first samples of `data`; where that cannot be done, it says why.

    command: the words that made the candidate, for the command that would repair it.
    """
    from edgeconv.comparison import compare

    given = images if report.preprocessing else None
    try:
        layers = compare(
            reference, candidate, data, preprocessing=given, samples=_SAMPLES, command=command, progress=progress
        )
    except (UsageError, DataError) as error:
        return replace(report, warnings=(*report.warnings, f"the layers were not compared: {error}"))
    named = replace(layers, candidate=report.candidate, reference=report.reference or layers.reference, warnings=())
    return replace(report, layers=named)


def with_profile(report: AccuracyReport, candidate: Runnable, data: Data, images: dict[str, Any]) -> AccuracyReport:
    """The report with the time that every step of the candidate takes on one sample."""
    from edgeconv.data import open_prepared
    from edgeconv.model import open_model
    from edgeconv.report.feeding import fixed_batch, pad_rows

    interpreter, given = open_model(candidate).interpreter, images if report.preprocessing else None
    types = interpreter.input_types
    batch = next(iter(open_prepared(data, types, given, interpreter.program.metadata).batches(1)))
    size = fixed_batch(interpreter) or 1
    feeds = batch.inputs if batch.is_whole or size == 1 else pad_rows(batch.inputs, size)
    return replace(report, profile=interpreter.profile(*(feeds[name] for name in types), runs=_RUNS))
