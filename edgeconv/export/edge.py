"""Program -> `.edge` file. The only importer of `flatbuffers`; the reader is `edgeconv.runtime.reader`.

Same program in, same bytes out. Structure comes first in the file, then the buffers: a mapped file touches few pages
until weights are needed.
"""

from __future__ import annotations

import os
from typing import Any

from edgeconv.errors import EdgeconvError, InternalError, InvalidModelError
from edgeconv.export.tables import build_file
from edgeconv.files import check_target, replacing
from edgeconv.runtime.program import Program
from edgeconv.runtime.reader import read_program

__all__ = ["save", "to_bytes"]


def to_bytes(program: Program) -> bytes:
    """The bytes of the `.edge` file that holds `program`.

    Raises InternalError for a program that breaks its own laws (a scale that is not float32, an attribute of the wrong
    type), EdgeconvError where the file would exceed 2 GiB or `flatbuffers` is not installed.
    """
    return bytes(build_file(program, _flatbuffers()))


def save(program: Program, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
    """Write `program` to `path` at once or not at all; returns the size of the file in bytes.

    The bytes go to a temporary file in the same folder, which takes the place of `path` when it is complete, so a
    failure or Ctrl-C leaves nothing behind. Raises UsageError where `path` exists and `overwrite` is False,
    EdgeconvError where the folder cannot be written, and whatever `to_bytes` raises.
    """
    check_target(path, overwrite=overwrite)
    data = build_file(program, _flatbuffers())
    try:
        read_program(data)
    except InvalidModelError as error:
        raise InternalError(f"edgeconv's reader refuses what its writer made, please report it: {error}") from error
    with replacing(path) as file:
        file.write(data)
    return len(data)


def _flatbuffers() -> Any:
    try:
        import flatbuffers
    except ImportError as error:
        raise EdgeconvError('writing .edge files needs flatbuffers: pip install "edgeconv[convert]"') from error
    return flatbuffers
