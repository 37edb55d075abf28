"""Folders: arrays streamed in name order, or images, whose sub-folders are their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv.core import TensorType
from edgeconv.data.checks import single_input
from edgeconv.data.images import IMAGE_SUFFIXES, ImageSource
from edgeconv.data.npy import npy_reader, npz_readers, reading
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.data.source import ChainSource, DataSource
from edgeconv.data.table import TableSource
from edgeconv.errors import DataError

__all__ = ["open_file", "open_folder"]

_ARRAY_SUFFIXES = (".npy", ".npz")


@dataclass(frozen=True)
class _Listing:
    """A folder's contents by kind, each in name order; hidden and other files left out."""

    arrays: Sequence[Path]
    images: Sequence[Path]
    folders: Sequence[Path]


def open_file(path: Path, inputs: Mapping[str, TensorType], options: Preprocessing) -> DataSource:
    """The samples of one `.npz` or `.npy` file, or the one sample that an image is."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return TableSource(str(path), npz_readers(path), inputs)
    if suffix == ".npy":
        return TableSource(str(path), {single_input(str(path), inputs): npy_reader(path)}, inputs)
    if suffix in IMAGE_SUFFIXES:
        return ImageSource(str(path), [(path, None)], inputs, options)
    raise DataError(
        f"{path}: expected an .npz, an .npy, an image, a folder, or random:N; the suffix says what a file is"
    )


def open_folder(path: Path, inputs: Mapping[str, TensorType], options: Preprocessing) -> DataSource:
    """The samples of a folder: arrays, images, or one sub-folder of images per class."""
    listing = _list(path)
    kinds = {"arrays": listing.arrays, "images": listing.images, "sub-folders": listing.folders}
    found = [f"{kind} ({members[0].name})" for kind, members in kinds.items() if members]
    if len(found) > 1:
        raise DataError(f"{path}: holds {' and '.join(found)}; expected one kind: give each its own folder")
    if listing.arrays:
        return ChainSource(str(path), [open_file(member, inputs, options) for member in listing.arrays])
    files = [(member, None) for member in listing.images] or _labelled(listing.folders)
    if not files:
        raise DataError(f"{path}: empty folder: no .npz, .npy or image in it; give at least one sample")
    return ImageSource(str(path), files, inputs, options)


def _labelled(folders: Sequence[Path]) -> list[tuple[Path, int | None]]:
    """Images with labels: the integer that is the sub-folder's name where all are integers, else its place in order."""
    are_integers = all(folder.name.isascii() and folder.name.isdecimal() for folder in folders)
    files: list[tuple[Path, int | None]] = []
    for index, folder in enumerate(folders):
        listing = _list(folder)
        wrong = [*listing.arrays, *listing.folders]
        if wrong:
            raise DataError(f"{wrong[0]}: unexpected in a sub-folder, which holds the images of one class; "
                            f"give {folder} itself, or move it out")  # fmt: skip
        files += [(member, int(folder.name) if are_integers else index) for member in listing.images]
    return files


def _list(path: Path) -> _Listing:
    with reading(str(path)):
        members = sorted((member for member in path.iterdir() if not member.name.startswith(".")), key=lambda m: m.name)
        folders = [member for member in members if member.is_dir()]
    arrays = [member for member in members if member.suffix.lower() in _ARRAY_SUFFIXES and member not in folders]
    images = [member for member in members if member.suffix.lower() in IMAGE_SUFFIXES and member not in folders]
    return _Listing(arrays, images, folders)
