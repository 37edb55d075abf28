"""Arrays to .npy and .npz files, at once or not at all, the same bytes for the same arrays."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import UsageError
from edgeconv.files import replacing

__all__ = ["save_arrays"]

_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write `arrays` by name into an `.npz`, or the only one into an `.npy`. UsageError for several in one `.npy`."""
    check_array_target(path, len(arrays))
    with replacing(path) as file:
        if os.fspath(path).endswith(".npy"):
            np.lib.format.write_array(file, next(iter(arrays.values())), allow_pickle=False)
            return
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def check_array_target(path: str | os.PathLike[str], count: int) -> None:
    """UsageError unless `count` arrays can be written to a file of this name."""
    suffix = os.path.splitext(os.fspath(path))[1]
    if suffix not in (".npz", ".npy"):
        raise UsageError(f"-o {os.fspath(path)} must end in .npz, or in .npy for one output")
    if suffix == ".npy" and count != 1:
        raise UsageError(f"an .npy file holds one array, the model has {count} outputs; write an .npz")
