"""Progress bars, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeconv.api import Progress
    from edgeconv_cli.output import Output

__all__ = ["progress_bars"]


@contextmanager
def progress_bars(output: Output) -> Iterator[Progress | None]:
    """A callback that draws one bar on stderr per stage of the work; None where stderr is no terminal."""
    if output.quiet or not sys.stderr.isatty():
        yield None
        return
    bars = _Bars()
    try:
        yield bars.step
    finally:
        bars.end()


class _Bars:
    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None
        self._done = 0

    def step(self, stage: str, done: int, total: int | None) -> None:
        """Draw `done` of `total` samples in `stage`, or name it alone; a new stage closes the bar before."""
        if stage != self._stage:
            self.close()
            self._stage, self._done = stage, 0
            self._open(total)
        if self._bar is not None:
            self._bar.update(done - self._done)
            self._done = done

    def _open(self, total: int | None) -> None:
        label = f"{self._stage:<12}"
        if total is None:
            click.echo(f"{label}  ...", err=True)
            return
        self._bar = click.progressbar(length=total, label=label, file=sys.stderr, show_pos=True)
        self._bar.__enter__()

    def end(self) -> None:
        """Close the last bar, and set what follows apart."""
        self.close()
        if self._stage:
            click.echo(err=True)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
