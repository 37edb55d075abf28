"""edgeconv calibrate: see the samples now, convert later; in shards, in processes, on a cluster."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edgeconv.errors import UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output
from edgeconv_cli.progress import progress_bars

if TYPE_CHECKING:
    from edgeconv.quantize.calibrated import Calibrated

__all__ = ["Checkpoints", "calibrate"]

_WORK_PER_CHECKPOINT = 20
"""Seconds of work for each second that a checkpoint takes; so much of it, at most, is done again with --resume."""
_TAKEN_BY_MERGE = {"model", "shards", "merge", "out", "force", "as_json", "quiet", "debug"}


@click.command(short_help="Run calibration samples through a model, and keep what convert needs of them.")
@click.argument("model", type=options.EXISTING, required=False)
@click.option("-d", "--data", metavar="DATA", help="Calibration samples.")
@click.option("-o", "--out", type=options.PATH, required=True, metavar="X.calib", help="The file to write.")
@click.option("--samples", type=click.IntRange(min=1), metavar="N", help="Use the first N samples only.")
@click.option("--shard", default="1/1", metavar="I/N", help="See the I-th of N parts of the samples only.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of the same command stopped.")
@click.option("--merge", is_flag=True, help="Merge shards: edgeconv calibrate --merge A.calib B.calib ... -o X.calib.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="As for convert, and to be the same there. Repeatable.")
@click.option("--exclude-op", multiple=True, metavar="TYPE", help="As for convert. Repeatable.")
@click.option(
    "--effort",
    type=click.Choice(["fast", "default", "best"]),
    default="default",
    show_default=True,
    help="As for convert.",
)
@options.input_shape
@options.bind
@options.state
@options.workers
@options.preprocessing
@click.argument("shards", nargs=-1, type=options.EXISTING)
@options.force
@options.common
def calibrate(model: str | None, shards: tuple[str, ...], out: str, merge: bool, output: Output, **given: Any) -> None:
    """Run the samples of --data through MODEL (.onnx), and write what `convert --calib X.calib` needs of them.

    Any number of shards, merged in any order, are bit for bit what one run over all samples gives. A run that was
    interrupted goes on with --resume.

    \b
    edgeconv calibrate model.onnx -d images/ --shard 1/2 -o 1.calib     on one machine
    edgeconv calibrate model.onnx -d images/ --shard 2/2 -o 2.calib     on another
    edgeconv calibrate --merge 1.calib 2.calib -o x.calib
    edgeconv convert model.onnx --calib x.calib
    """
    if not out.endswith(".calib"):
        raise UsageError(f"{out} must end in .calib, so that convert knows it")
    if model is None:
        raise UsageError("name the model, or with --merge the shards")
    if merge:
        _refuse_options_of_a_run()
        seen = _merged([model, *shards])
        _write(seen, out, given["force"], output)
        return
    if shards:
        raise UsageError(f"{shards[0]} is one argument too many; --merge takes several files")
    _calibrate(model, out, output, **given)


def _refuse_options_of_a_run() -> None:
    """UsageError where --merge stands beside what only says how samples are seen."""
    strange = [option for name, option in options.typed().items() if name not in _TAKEN_BY_MERGE]
    if strange:
        raise UsageError(f"{strange[0]} says how samples are seen; --merge takes what was seen: leave it out")


@dataclass
class Checkpoints:
    """Saves what was seen so far, as often as costs little of the time."""

    path: str
    due: float = 0.0

    def __call__(self, so_far: Calibrated) -> None:
        from edgeconv.calibration import save_calibration

        began = time.monotonic()
        if began >= self.due:
            save_calibration(so_far, self.path, compressed=False)
            done = time.monotonic()
            self.due = done + _WORK_PER_CHECKPOINT * (done - began)


def _merged(paths: list[str]) -> Calibrated:
    from edgeconv.calibration import load_calibration

    first, *rest = [load_calibration(path) for path in paths]
    for other in rest:
        first = first.merged(other)
    return first


def _calibrate(model: str, out: str, output: Output, data: str | None, resume: bool, force: bool, **given: Any) -> None:
    from edgeconv.calibration import calibrate as run
    from edgeconv.calibration import load_calibration
    from edgeconv.data import resolve
    from edgeconv.files import check_target

    if data is None:
        raise UsageError("--data is missing: the calibration samples, some 100 typical inputs")
    check_target(out, overwrite=force)
    partial = f"{out}.partial"
    if os.path.exists(partial) and not (resume or force):
        raise UsageError(f"{partial} is left of an interrupted run: pass --resume to go on with it, or --force")
    before = load_calibration(partial) if resume and os.path.exists(partial) else None
    shapes = options.parse_input_shapes(given["input_shapes"])
    with options.executor(given["workers"], given["dask"]) as executor, progress_bars(output) as progress:
        seen = run(
            model,
            data,
            exclude=given["exclude"],
            exclude_op=given["exclude_op"],
            effort=given["effort"],
            input_shapes=shapes,
            constants=options.parse_bindings(given["bindings"]),
            states=options.parse_states(given["states"]),
            preprocessing=resolve(given["images"], {}),
            samples=given["samples"],
            shard=_shard(given["shard"]),
            resumed=before,
            executor=executor,
            progress=progress,
            checkpoint=Checkpoints(partial),
        )
    if given["images"] and not (seen.preprocessing or seen.is_random):
        output.say("the samples are arrays, and were fed as they are; give convert what is to be kept for images")
    _write(seen, out, force, output)
    with suppress(FileNotFoundError):
        os.unlink(partial)


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not slash or not number.isdecimal() or not count.isdecimal():
        raise UsageError(f"--shard {text!r} is not understood; expected I/N as in 3/8")
    return int(number), int(count)


def _write(seen: Calibrated, out: str, force: bool, output: Output) -> None:
    from edgeconv.calibration import save_calibration
    from edgeconv.files import check_target

    check_target(out, overwrite=force)
    save_calibration(seen, out)
    state = "complete" if not seen.missing else f"{len(seen.parts):,} of {seen.total:,} batches"
    output.say(f"wrote {out}: {seen.samples:,} samples, {state}")
    output.result(
        {
            "schema": "edgeconv/calibrate/1",
            "calibration": out,
            "samples": seen.samples,
            "batches": len(seen.parts),
            "batches_in_all": seen.total,
            "sha256": seen.digest,
        }
    )
