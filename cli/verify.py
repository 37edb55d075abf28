"""edgeconv verify: every byte of an .edge file against the digests inside it."""

from __future__ import annotations

import click

from edgeconv_cli import options
from edgeconv_cli.output import Output

__all__ = ["verify"]

_MOST = 80
"""Characters of a value that are shown."""


@click.command(short_help="Check structure and digests of an .edge file.")
@click.argument("edge", type=options.EXISTING, metavar="MODEL.edge")
@options.common
def verify(output: Output, edge: str) -> None:
    """Check that an .edge file is sound and complete: its structure, and a digest of every byte.

    \b
    edgeconv verify model.edge

    Exit code 4 when anything is not as it was written.
    """
    from edgeconv.report.text import printable
    from edgeconv.runtime.verify import verify_file

    found = verify_file(edge)
    output.say(f"ok  {printable(edge)}: {found.file_bytes:,} bytes, {found.steps} operators, digest {found.digest}")
    rows = {"producer": found.producer, "format": f"version {found.version}"} | dict(found.metadata)
    for key, value in sorted(rows.items()):
        output.say(f"    {printable(key)}: {_short(printable(value))}")
    output.result(
        {
            "schema": "edgeconv/verify/1",
            "file": edge,
            "ok": True,
            "bytes": found.file_bytes,
            "digest": found.digest,
            "version": found.version,
            "operators": found.steps,
            "constants": found.constants,
            "inputs": list(found.inputs),
            "outputs": list(found.outputs),
            "metadata": dict(found.metadata),
        }
    )


def _short(text: str) -> str:
    """A line of it; --json has all."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text):,} characters)"
