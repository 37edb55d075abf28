"""edgeconv deploy: a model and the runtime that it needs, as one file; or as a folder, or as C arrays."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from edgeconv.errors import UsageError
from edgeconv_cli import options
from edgeconv_cli.output import Output

__all__ = ["deploy"]

_SUFFIXES = {"zipapp": ".pyz", "dir": "", "c": ".c"}


@click.command(short_help="Put a model and the runtime that it needs into one file.")
@click.argument("edge", type=options.EXISTING, metavar="MODEL.edge")
@click.option("-o", "--output", "target", type=options.PATH, help="What to write; by default named as the model is.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(_SUFFIXES)),
    default="zipapp",
    show_default=True,
    help="One file that Python runs, the same as a folder, or a C array in a .h and a .c file.",
)
@click.option(
    "--golden",
    metavar="DATA",
    help="Samples whose outputs travel along, to check the device with; by default random:2. The first 8 are taken.",
)
@options.preprocessing
@options.force
@options.common
def deploy(
    output: Output, edge: str, target: str | None, kind: str, golden: str | None, images: dict[str, Any], force: bool
) -> None:
    """Put MODEL.edge and just the runtime that it needs into one file; a device needs Python and NumPy, nothing else.

    \b
    edgeconv deploy kws.edge -o kws.pyz
    edgeconv deploy kws.edge --golden test.npz
    edgeconv deploy kws.edge --format dir -o kws/
    edgeconv deploy kws.edge --format c -o kws.c          (and kws.h)

    \b
    python3 kws.pyz input.npy -o out.npz       run it
    python3 kws.pyz --demo                     measure it, and check that it gives the same bytes there
    """
    target = os.path.normpath(target or f"{Path(edge).stem}{_SUFFIXES[kind]}")
    if Path(target).resolve() == Path(edge).resolve():
        raise UsageError(f"{target} is the model itself; name another file for the result")
    if kind == "c":
        if golden is not None:
            raise UsageError("--golden is for files that run; a C array carries the model alone")
        _write_c(output, edge, target, force)
    else:
        _write_python(output, edge, target, kind, golden or "random:2", images, force)


def _write_python(
    output: Output, edge: str, target: str, kind: str, golden: str, images: dict[str, Any], force: bool
) -> None:
    from edgeconv.data import open_prepared
    from edgeconv.export import deploy as export
    from edgeconv.files import check_target
    from edgeconv.runtime import Interpreter

    if kind == "zipapp":
        check_target(target, overwrite=force)
    data = Path(edge).read_bytes()
    interpreter = Interpreter(edge)
    source = open_prepared(golden, interpreter.input_types, images, interpreter.program.metadata)
    deployment = export.deploy(data, Path(edge).name, source)
    save = export.save_zipapp if kind == "zipapp" else export.save_folder
    size = save(deployment, target, overwrite=force)
    operators = deployment.operators
    output.say(f"wrote {target} ({size:,} bytes): the model ({len(data):,} bytes), {deployment.modules} modules for")
    output.say(f"  {', '.join(operators)}")
    output.say(f"{deployment.golden_samples} golden samples came out the same when it ran here; on the device:")
    output.say(f"  python3 {shlex.quote(os.path.basename(target))} --demo")
    output.result(
        _result(edge, kind, [target], size)
        | {
            "model_bytes": len(data),
            "modules": deployment.modules,
            "operators": list(operators),
            "golden_samples": deployment.golden_samples,
            "float_operators": list(deployment.inexact),
        }
    )


def _write_c(output: Output, edge: str, target: str, force: bool) -> None:
    from edgeconv.export.c_array import c_identifier, c_sources
    from edgeconv.files import check_target, replacing
    from edgeconv.runtime.verify import verify_file

    source = Path(target)
    if source.suffix not in (".c", ".h"):
        raise UsageError(f"-o {target} must end in .c (or .h; both are written)")
    paths = [str(source.with_suffix(suffix)) for suffix in (".h", ".c")]
    for path in paths:
        check_target(path, overwrite=force)
    data = Path(edge).read_bytes()
    verify_file(edge)
    for path, text in zip(paths, c_sources(data, source.stem, Path(edge).name), strict=True):
        with replacing(path) as file:
            file.write(text.encode())
    name = c_identifier(source.stem)
    output.say(f"wrote {' and '.join(paths)}: {name}[{len(data):,}], aligned to 64 bytes, and {name}_size")
    output.result(_result(edge, "c", paths, len(data)) | {"name": name})


def _result(edge: str, kind: str, written: list[str], size: int) -> dict[str, Any]:
    return {"schema": "edgeconv/deploy/1", "model": edge, "format": kind, "written": written, "bytes": size}
