"""Damaged and dangerous files: exit code 4, nothing is run, nothing large is allocated."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeconv.data import CorruptDataError, UnsafeDataError, open_data
from edgeconv.errors import DataError
from tests.data.models import image_input, save_image, vector_input


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self._path), "w")


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def read(path: Path) -> None:
    for _ in open_data(path, vector_input()).batches(2):
        pass


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "labels.npz", "raw.npy"])
def test_pickles_are_refused_unread(tmp_path: Path, name: str) -> None:
    trace, bomb = tmp_path / "trace", np.array([[Bomb(tmp_path / "trace")] * 3], object)
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, bomb)
    elif name == "a.npz":
        np.savez(path, x=bomb)
    elif name == "labels.npz":
        np.savez(path, x=np.zeros((1, 3)), labels=bomb)
    else:
        path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(UnsafeDataError, match=r"pickles run code when read; save .* allow_pickle=False") as caught:
        read(path)
    assert caught.value.exit_code == 4
    assert isinstance(caught.value, DataError)
    assert not trace.exists()


def test_objects_in_memory_are_refused() -> None:
    with pytest.raises(UnsafeDataError, match="holds Python objects"):
        open_data(np.array([[1, 2, 3]], object), vector_input())
    with pytest.raises(UnsafeDataError, match="'labels' holds Python objects"):
        open_data({"x": np.zeros((1, 3)), "labels": np.array([1], object)}, vector_input())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no .npy file"),
        (b"hello world", "is no .npy file .*; write it with np.save"),
        (b"\x93NUMPY\x09\x00aa", "is no .npy file"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f", "its header claims 2147483647 bytes"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3)}"), "truncated: .* needs"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3)}"), "its header is damaged"),
        (with_header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 3)}"), "its header is damaged"),
        (with_header("{'descr': '<f4,<f4', 'fortran_order': False, 'shape': (1, 3)}"), "its header is damaged"),
        (with_header("{'descr': 'q9', 'fortran_order': False, 'shape': (1, 3)}"), "damaged"),
        (with_header("{'descr': '<f4'}"), "its header is damaged"),
        (with_header("[" * 5000), "its header is damaged"),
        (with_header("__import__('os')"), "its header is damaged"),
        (npy(np.zeros((2, 3)))[:-1], "truncated: 175 bytes, but its header needs 176"),
        (npy(np.zeros((2, 3)))[:40], "truncated: .* bytes are missing"),
    ],
)
def test_damaged_npy(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(CorruptDataError, match=message) as caught:
        read(tmp_path / "a.npy")
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_records_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3, [("a", "f4"), ("b", "f4")]))
    with pytest.raises(DataError, match="holds records with named fields"):
        read(tmp_path / "a.npy")


def test_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npy(np.zeros((2, 3))))
    with pytest.raises(CorruptDataError, match="damaged or truncated"):
        read(tmp_path / "a.npz")


def test_npz_with_a_member_without_a_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"x.npy", b"\0.npy"))
    with pytest.raises(CorruptDataError, match="damaged or truncated"):
        read(tmp_path / "a.npz")


def test_npz_with_a_member_that_is_no_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy(np.zeros((2, 3))))
        archive.writestr("notes.txt", "hello")
    with pytest.raises(CorruptDataError, match=r"unexpected member 'notes.txt'"):
        read(tmp_path / "a.npz")


def test_npz_compressed_another_way(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", npy(np.zeros((2, 3))))
    with pytest.raises(CorruptDataError, match="'x' is compressed in an unknown way"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_npz_truncated_anywhere(tmp_path: Path, compressed: bool) -> None:
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "whole.npz", x=np.arange(12, dtype=np.float32).reshape(4, 3), labels=np.arange(4))
    content = (tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(content)):
        (tmp_path / "a.npz").write_bytes(content[:length])
        with pytest.raises(CorruptDataError):
            read(tmp_path / "a.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_npz_with_any_byte_changed_reads_or_says_why_not(tmp_path: Path, compressed: bool) -> None:
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "whole.npz", x=np.arange(12, dtype=np.float32).reshape(4, 3), labels=np.arange(4))
    content = (tmp_path / "whole.npz").read_bytes()
    for position in range(len(content)):
        (tmp_path / "a.npz").write_bytes(
            content[:position] + bytes([content[position] ^ 0x41]) + content[position + 1 :]
        )
        try:
            read(tmp_path / "a.npz")
        except DataError as error:
            assert "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 150))
def test_npy_with_junk_in_it_reads_or_says_why_not(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    content = npy(np.zeros((4, 3), np.float32))
    path = tmp_path_factory.mktemp("junk") / "a.npy"
    path.write_bytes(content[:at] + junk + content[at + len(junk) :])
    try:
        read(path)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".gif", ".tif"])
def test_damaged_images(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "images"
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3))
    save_image(folder / f"a{suffix}", noise)
    content = (folder / f"a{suffix}").read_bytes()
    failures = 0
    for length in range(0, len(content), 5):
        (folder / f"a{suffix}").write_bytes(content[:length])
        try:
            list(open_data(folder, image_input()).batches(1))
        except CorruptDataError as error:
            failures += 1
            assert f"a{suffix}" in str(error)
            assert "\n" not in str(error)
    assert failures > 3


def test_an_image_that_claims_to_be_huge(tmp_path: Path) -> None:
    save_image(tmp_path / "a.bmp", np.zeros((4, 5, 3)))
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[18:26] = (60000).to_bytes(4, "little") * 2
    (tmp_path / "a.bmp").write_bytes(content)
    with pytest.raises(CorruptDataError, match=r"a\.bmp"):
        open_data(tmp_path, image_input())
