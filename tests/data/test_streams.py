"""What holds for every source: bounded memory, and a digest of contents alone."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.data import ContentDigest, Data, DataSource, Preprocessing, open_data
from edgeconv.data.source import joined_digest
from tests.data.models import N, image_input, save_image, vector_input

ROW = 64 * 64
INPUTS = {"x": TensorType("float32", (N, ROW))}


def peak(source: DataSource, size: int = 8) -> int:
    """Most bytes held while all batches are read once."""
    tracemalloc.start()
    try:
        assert sum(batch.count for batch in source.batches(size)) == source.count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def write(path: Path, count: int, kind: str) -> Path:
    data = np.random.default_rng(0).standard_normal((count, ROW)).astype(np.float32)
    if kind == "npy":
        np.save(path.with_suffix(".npy"), data)
        return path.with_suffix(".npy")
    if kind == "folder":
        path.mkdir()
        for start in range(0, count, 20):
            np.save(path / f"{start:05}.npy", data[start : start + 20])
        return path
    save = np.savez_compressed if kind == "deflated" else np.savez
    save(path.with_suffix(".npz"), x=data)
    return path.with_suffix(".npz")


@pytest.mark.parametrize("kind", ["npy", "stored", "deflated", "folder"])
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path, kind: str) -> None:
    few, many = (open_data(write(tmp_path / f"{count}", count, kind), INPUTS) for count in (40, 400))
    peak(few)
    assert peak(many) < 1.1 * peak(few) + 20_000
    assert peak(many) < 8 * 8 * ROW * 4


def test_memory_of_random_samples_does_not_grow() -> None:
    few, many = open_data("random:40", INPUTS), open_data("random:400", INPUTS)
    peak(few)
    assert peak(many) < 1.1 * peak(few)


def test_memory_of_images_does_not_grow(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3))
    for index in range(200):
        save_image(tmp_path / ("many" if index >= 20 else "few") / f"{index:03}.bmp", pixels)
    few, many = (open_data(tmp_path / name, image_input(3, 40, 40)) for name in ("few", "many"))
    peak(few)
    assert peak(many) < 1.1 * peak(few) + 20_000


def test_digest_is_of_contents_alone(tmp_path: Path) -> None:
    data = np.arange(30, dtype=np.float32).reshape(10, 3)
    np.savez(tmp_path / "a.npz", x=data)
    with zipfile.ZipFile(tmp_path / "later.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(write_npy(tmp_path / "x.npy", data.astype(">f8")), "x.npy")
    (tmp_path / "folder").mkdir()
    write_npy(tmp_path / "folder" / "1.npy", data[:4])
    write_npy(tmp_path / "folder" / "2.npy", data[4:, None])
    sources: list[Data] = [
        tmp_path / "a.npz",
        tmp_path / "later.npz",
        tmp_path / "x.npy",
        tmp_path / "folder",
        data,
        list(data),
    ]
    digests = {open_data(source, vector_input()).digest() for source in sources}
    head = b"('input x', 'float32', (3,))"
    samples = [hashlib.sha256(str(number).encode() + head + row.tobytes()) for number, row in enumerate(data)]
    assert digests == {f"{sum(int(sample.hexdigest(), 16) for sample in samples) % 2**256:064x}"}
    assert open_data(data, vector_input()).digest(3) in digests


def write_npy(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def test_digest_sees_every_difference() -> None:
    data = np.arange(12, dtype=np.float32).reshape(4, 3)
    variants = [
        open_data(data, vector_input()),
        open_data(data + 1, vector_input()),
        open_data(data[::-1], vector_input()),
        open_data(data, {"y": TensorType("float32", (N, 3))}),
        open_data(data, vector_input(dtype="float64")),
        open_data(data.reshape(2, 6), vector_input(6)),
        open_data({"x": data, "labels": [0, 1, 2, 3]}, vector_input()),
        open_data({"x": data, "labels": [0, 1, 2, 4]}, vector_input()),
    ]
    assert len({source.digest() for source in variants}) == len(variants)


def test_digest_as_batches_stream_by() -> None:
    source = open_data("random:10", vector_input())
    running = ContentDigest()
    for batch in source.batches(4):
        running.update(batch)
    assert running.hexdigest() == source.digest()


def test_digests_of_parts_join_to_that_of_the_whole() -> None:
    source, parts = open_data("random:10", vector_input()), []
    for number, batch in enumerate(source.batches(4)):
        part = ContentDigest(4 * number)
        part.update(batch)
        parts.append(part.hexdigest())
    assert len(parts) == 3
    assert joined_digest(reversed(parts)) == source.digest()


def test_images_and_their_arrays_have_one_digest(tmp_path: Path) -> None:
    pixels = np.arange(60).reshape(4, 5, 3)
    save_image(tmp_path / "a.png", pixels)
    assert (
        open_data(tmp_path, image_input()).digest()
        == open_data(pixels.transpose(2, 0, 1)[None], image_input()).digest()
    )


needs_assets = pytest.mark.skipif("EDGECONV_ASSETS" not in os.environ, reason="EDGECONV_ASSETS is not set")


def asset(name: str) -> Path:
    return Path(os.environ["EDGECONV_ASSETS"]) / name


@needs_assets
def test_real_arrays() -> None:
    source = open_data(asset("mnist/test_image.npz"), {"input": TensorType("float32", (N, 1, 28, 28))})
    first = next(source.batches(8))
    assert (source.count, source.has_labels, first.inputs["input"].shape) == (2000, True, (8, 1, 28, 28))
    whole = np.load(asset("mnist/test_image.npz"))
    found = np.concatenate([batch.inputs["input"] for batch in source.batches(96)])
    np.testing.assert_array_equal(found, whole["input"])


@needs_assets
def test_real_images() -> None:
    options = Preprocessing.parse(mean="0.485,0.456,0.406", std="0.229,0.224,0.225", scale="1/255")
    source = open_data(asset("cifar10/test"), image_input(3, 32, 32), options)
    labels: list[int] = []
    total = 0.0
    for batch in source.batches(50):
        total += float(batch.inputs["input"].mean(dtype=np.float64)) * batch.count
        labels += [] if batch.labels is None else batch.labels.tolist()
    assert source.count == 1000
    assert sorted(set(labels)) == list(range(10))
    assert abs(total / 1000) < 0.2


@needs_assets
def test_real_class_folders_are_labels_by_number() -> None:
    source = open_data(asset("imagenet/test"), image_input(3, 224, 224), Preprocessing(mean=(128.0,)))
    folders = sorted(path.name for path in asset("imagenet/test").iterdir())
    first = next(source.batches(4))
    assert first.labels is not None and first.labels[0] == int(folders[0])
    assert first.inputs["input"].min() >= -128 and first.inputs["input"].max() <= 127
