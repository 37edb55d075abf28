"""edgeconv ops: which ONNX operators convert, and how they run."""

from __future__ import annotations

import click

from edgeconv_cli import options
from edgeconv_cli.output import Output

__all__ = ["ops"]


@click.command(short_help="List the ONNX operators that convert, and how they run.")
@click.option("--markdown", is_flag=True, help="Print the table as it stands in docs/operators.md.")
@options.common
def ops(output: Output, markdown: bool) -> None:
    """List every ONNX operator that converts: opsets, dtypes, what it becomes, and how it runs after quantization.

    \b
    edgeconv ops
    edgeconv ops --json

    What a particular model does, `edgeconv inspect MODEL --support` says, node by node.
    """
    from edgeconv.report.operators import operators_document, operators_json, operators_markdown
    from edgeconv.support import operators

    found = operators()
    if markdown:
        output.say(operators_markdown(found).rstrip("\n"))
    else:
        output.show(operators_document(found))
    output.result(operators_json(found))
