"""edgeconv inspect: what is in a model, and what in it would not convert."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeAlias

import click

from edgeconv.errors import UnsupportedModelError, UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output

if TYPE_CHECKING:
    from edgeconv.core import Array
    from edgeconv.report.inspection import Inspection

__all__ = ["inspect"]

_Shapes: TypeAlias = "dict[str, list[int | str]]"


@click.command(short_help="Show what is in a model, or what would not convert.")
@click.argument("model", type=options.EXISTING)
@click.option("--support", is_flag=True, help="List what of an ONNX model would not convert, or stay in float at int8.")
@click.option("--quantization", is_flag=True, help="Show scales and zero points, too.")
@options.input_shape
@options.bind
@options.common
def inspect(
    output: Output,
    model: str,
    support: bool,
    quantization: bool,
    input_shapes: tuple[str, ...],
    bindings: tuple[str, ...],
) -> None:
    """Show operators, shapes, parameters, multiply-accumulates, bytes and memory of MODEL (.edge or .onnx).

    \b
    edgeconv inspect model.edge
    edgeconv inspect model.onnx --support
    edgeconv inspect detector.onnx --input-shape input:1,3,320,320

    An .onnx file is shown as it is after simplification. --support lists every node that would not convert, why, and
    the way on (the exit code is then 5), and every operator that would stay in float at int8, and why.
    """
    from edgeconv.model import is_edge_file

    is_edge = is_edge_file(model)
    if is_edge and (support or input_shapes or bindings):
        raise UsageError("--support, --input-shape and --bind are for ONNX models; this is an .edge file")
    fixed = options.parse_input_shapes(input_shapes), options.parse_bindings(bindings)
    if support:
        _show_support(output, model, *fixed)
        return
    from edgeconv.report.inspection_content import inspection_document, inspection_json

    found = _inspect_edge(model) if is_edge else _inspect_onnx(model, *fixed)
    output.show(inspection_document(found, quantization))
    output.result(inspection_json(found))


def _inspect_edge(path: str) -> Inspection:
    from edgeconv.report.inspection import inspect_program
    from edgeconv.runtime.reader import read_program

    return inspect_program(read_program(path), os.path.basename(path), os.stat(path).st_size)


def _inspect_onnx(path: str, input_shapes: _Shapes, constants: dict[str, Array]) -> Inspection:
    from edgeconv import api
    from edgeconv.report.inspection import inspect_program

    model = api.convert(path, precision="fp32", input_shapes=input_shapes, constants=constants)
    facts = model.conversion
    return inspect_program(
        model.program,
        os.path.basename(path),
        model.bytes_before,
        operators_before=facts.operators_before,
        passes=facts.passes,
    )


def _show_support(output: Output, path: str, input_shapes: _Shapes, constants: dict[str, Array]) -> None:
    from edgeconv.api import load
    from edgeconv.report.content import float_blocks
    from edgeconv.report.document import Section, Table
    from edgeconv.support import float_under_int8, obstacles

    found, nodes = obstacles(path, input_shapes, constants)
    floats = () if found else float_under_int8(load(path, input_shapes, constants))
    output.result(
        {
            "schema": "edgeconv/support/1",
            "nodes": nodes,
            "unsupported": [asdict(each) for each in found],
            "float": [asdict(each) for each in floats],
        }
    )
    if not found:
        output.show((Section(f"all {nodes} nodes convert", ()), Section("Float at int8", tuple(float_blocks(floats)))))
        return
    rows = tuple((each.operator, each.name, each.reason) for each in found)
    title = f"{len(found)} of {nodes} nodes would not convert"
    output.show((Section(title, (Table(("operator", "node", "why, and the way on"), rows, "lll"),)),))
    raise UnsupportedModelError(f"{title}: {', '.join(sorted({each.operator for each in found}))}")
