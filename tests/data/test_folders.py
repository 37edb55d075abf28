"""Folders of arrays, and folders that make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.data import open_data
from edgeconv.errors import DataError
from tests.data.models import W, image_input, save_image, vector_input


def test_arrays_are_streamed_in_name_order(tmp_path: Path) -> None:
    for value, name in enumerate(("b", "a", "c")):
        np.save(tmp_path / f"{name}.npy", np.full((2, 3), value, np.float32))
    source = open_data(tmp_path, vector_input())
    batches = [batch.inputs["x"][:, 0].tolist() for batch in source.batches(4)]
    assert (source.count, batches) == (6, [[1, 1, 0, 0], [2, 2]])


def test_labels_come_along(tmp_path: Path) -> None:
    for value in range(3):
        np.savez(tmp_path / f"{value}.npz", x=np.ones((1, 3)), labels=np.array([value]))
    source = open_data(tmp_path, vector_input())
    (batch,) = source.batches(8)
    assert source.has_labels
    assert batch.labels is not None and batch.labels.tolist() == [0, 1, 2]


def test_rows_of_different_shapes_are_not_joined(tmp_path: Path) -> None:
    for name, width in (("a", 2), ("b", 2), ("c", 5)):
        np.save(tmp_path / f"{name}.npy", np.zeros((1, width), np.float32))
    shapes = [batch.inputs["x"].shape for batch in open_data(tmp_path, vector_input(W)).batches(8)]
    assert shapes == [(2, 2), (1, 5)]


def test_labels_in_all_files_or_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((1, 3)), labels=np.array([1]))
    np.savez(tmp_path / "b.npz", x=np.ones((1, 3)))
    with pytest.raises(DataError, match=r"a.npz has labels, .*b.npz has none; label all files or none"):
        open_data(tmp_path, vector_input())


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    np.save(tmp_path / "b.npy", np.array([[1, 2, 3], [np.nan, 1, 2]]))
    with pytest.raises(DataError, match=r"b.npy: array 'x' holds NaN in sample 1"):
        list(open_data(tmp_path, vector_input()).batches(8))


@pytest.mark.parametrize("content", ["", "class/"])
def test_empty_folder(tmp_path: Path, content: str) -> None:
    (tmp_path / content).mkdir(exist_ok=True)
    (tmp_path / content / "README.txt").write_text("none here")
    with pytest.raises(DataError, match=r"empty folder: no .npz, .npy or image in it; give at least one sample"):
        open_data(tmp_path, vector_input())


def test_mixed_kinds(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 5, 3)))
    np.save(tmp_path / "b.npy", np.zeros((1, 3, 4, 5)))
    with pytest.raises(DataError, match=r"holds arrays \(b.npy\) and images \(a.png\); expected one kind"):
        open_data(tmp_path, image_input())
    (tmp_path / "b.npy").unlink()
    save_image(tmp_path / "1" / "a.png", np.zeros((4, 5, 3)))
    with pytest.raises(DataError, match=r"holds images \(a.png\) and sub-folders \(1\)"):
        open_data(tmp_path, image_input())


def test_a_folder_one_level_too_high(tmp_path: Path) -> None:
    save_image(tmp_path / "test" / "1" / "a.png", np.zeros((4, 5, 3)))
    with pytest.raises(DataError, match=r"test.1: unexpected in a sub-folder, .*; give .*test itself"):
        open_data(tmp_path, image_input())
