"""What a deployed file carries beside the code: the model, facts about it, and golden samples."""

from __future__ import annotations

import os
from typing import Any, cast

from edgeconv.core import Array
from edgeconv.errors import InvalidModelError, UsageError
from edgeconv.runtime import Interpreter

__all__ = ["ABOUT", "MODEL", "open_model", "read_about", "read_array", "read_member"]

MODEL, ABOUT = "model.edge", "about.json"
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def open_model(*, threads: int = 1, memory: str = "fast") -> Interpreter:
    """An interpreter of the model inside, with `Interpreter`'s own options.

    The model is mapped where it lies in a folder, and read where it lies in a file.

    Raises UsageError in an edgeconv that was not deployed, InvalidModelError where the model is damaged.
    """
    path = os.path.join(_ROOT, MODEL)
    source = path if os.path.isfile(path) else read_member(MODEL)
    return Interpreter(source, threads=threads, memory=memory)


def read_member(name: str) -> bytes:
    """The bytes of one thing carried; UsageError where this edgeconv carries nothing."""
    loader = cast(Any, __spec__).loader
    try:
        return cast(bytes, loader.get_data(os.path.join(_ROOT, name)))
    except OSError as error:
        raise UsageError(
            f"this edgeconv carries no {name}: make a file that does with `edgeconv deploy model.edge`"
        ) from error


def read_about() -> dict[str, Any]:
    """The facts written at deployment: name, edgeconv's version, float operators, golden samples."""
    import json

    return cast(dict[str, Any], json.loads(read_member(ABOUT)))


def read_array(name: str) -> Array:
    """An array carried as `.npy`."""
    import io

    from numpy.lib.format import read_array as read_npy

    try:
        return read_npy(io.BytesIO(read_member(name)), allow_pickle=False)
    except ValueError as error:
        raise InvalidModelError(f"{name} inside is damaged ({error}); deploy the model again") from error
