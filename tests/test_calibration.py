"""Calibration apart from conversion: however the samples are divided, the result is the same to the bit."""

from __future__ import annotations

import io
import struct
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.calibration import load_calibration, save_calibration
from edgeconv.errors import CorruptDataError, UsageError
from edgeconv.quantize.calibrated import Calibrated
from tests.state.models import FRAMES, GRU, gru_model

FOLDER = Path(__file__).parents[1] / "sample_models" / "digits_resnet"
MODEL, DATA = str(FOLDER / "model.onnx"), "random:700:3"


@pytest.fixture(scope="module")
def whole() -> Calibrated:
    """One run over everything."""
    return edgeconv.calibrate(MODEL, DATA)


def test_there_are_several_batches_and_all_were_seen(whole: Calibrated) -> None:
    assert whole.total > 4
    assert not whole.missing
    assert whole.samples == 700
    assert whole.is_random


@pytest.mark.parametrize("count", [2, 3, 7])
def test_shards_merged_in_any_order_are_one_run(whole: Calibrated, count: int) -> None:
    shards = [edgeconv.calibrate(MODEL, DATA, shard=(number, count)) for number in range(1, count + 1)]
    first, *rest = np.random.default_rng(count).permutation(np.arange(count))
    merged = shards[first]
    for number in rest:
        merged = merged.merged(shards[number])
    assert merged.to_bytes() == whole.to_bytes()


def test_processes_are_one_run(whole: Calibrated) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert edgeconv.calibrate(MODEL, DATA, executor=pool).to_bytes() == whole.to_bytes()


def test_an_interrupted_run_goes_on(whole: Calibrated) -> None:
    kept: list[Calibrated] = []

    def checkpoint(seen: Calibrated) -> None:
        kept.append(seen)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edgeconv.calibrate(MODEL, DATA, checkpoint=checkpoint)
    assert 0 < len(kept[-1].parts) < whole.total
    again: list[Calibrated] = []
    resumed = edgeconv.calibrate(MODEL, DATA, resumed=kept[-1], checkpoint=again.append)
    assert resumed.to_bytes() == whole.to_bytes()
    assert len(again) < whole.total


def test_a_dask_cluster_that_loses_a_worker_is_one_run(whole: Calibrated) -> None:
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    lost: list[int] = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor(pure=False, retries=3) as executor,
    ):

        def kill_one(_: Calibrated) -> None:
            if not lost:
                worker = next(iter(cluster.workers.values()))
                lost.append(worker.pid)
                worker.process.process.kill() if hasattr(worker.process, "process") else worker.process.kill()

        seen = edgeconv.calibrate(MODEL, DATA, executor=executor, checkpoint=kill_one)
    assert lost
    assert seen.to_bytes() == whole.to_bytes()


def test_a_file_holds_everything(whole: Calibrated, tmp_path: Path) -> None:
    path = tmp_path / "x.calib"
    save_calibration(whole, path)
    assert load_calibration(path).to_bytes() == whole.to_bytes()


def test_best_effort_converts_from_a_calibration() -> None:
    """It judges on the samples that a file keeps, fewer than it takes from the data themselves."""
    seen = Calibrated.from_bytes(edgeconv.calibrate(MODEL, str(FOLDER / "calib.npz"), effort="best").to_bytes())
    assert len(seen.variants) == 4
    model = edgeconv.convert(MODEL, calibration=seen, effort="best")
    report = edgeconv.evaluate(model, str(FOLDER / "test.npz"), reference=MODEL)
    assert report.fp32 is not None
    assert report.int8 > report.fp32 - 0.005


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_converting_from_a_calibration_is_converting_from_the_samples(effort: str, tmp_path: Path) -> None:
    samples = str(FOLDER / "calib.npz")
    path = tmp_path / "x.calib"
    save_calibration(edgeconv.calibrate(MODEL, samples, effort=effort), path)
    direct = edgeconv.convert(MODEL, calibration=samples, effort=effort)
    later = edgeconv.convert(MODEL, calibration=path, effort=effort)
    assert [tensor.type for tensor in later.program.tensors] == [tensor.type for tensor in direct.program.tensors]
    for mine, yours in zip(later.program.tensors, direct.program.tensors, strict=True):
        np.testing.assert_array_equal(mine.data, yours.data)
    assert later.program.metadata["calibration.samples"] == direct.program.metadata["calibration.samples"]


def test_what_does_not_belong_together_is_refused(whole: Calibrated) -> None:
    other = edgeconv.calibrate(MODEL, "random:500:3")
    with pytest.raises(UsageError, match=r"do not belong together: .* is 700 in one, 500 in another"):
        replace(whole, recipe={"samples": "700"}).merged(replace(other, recipe={"samples": "500"}))
    with pytest.raises(UsageError, match="batch 0 is in two of the calibrations"):
        whole.merged(whole)
    half = edgeconv.calibrate(MODEL, DATA, shard=(1, 2))
    with pytest.raises(UsageError, match=rf"has seen \d+ of {whole.total} batches; finish it"):
        edgeconv.convert(MODEL, calibration=half)
    with pytest.raises(UsageError, match="was made for another model or with other options"):
        edgeconv.convert(MODEL, calibration=whole, effort="best")
    with pytest.raises(UsageError, match="shard 4/3 does not exist; the shards of 3 are 1/3 to 3/3"):
        edgeconv.calibrate(MODEL, DATA, shard=(4, 3))


def test_a_calibration_knows_its_inputs_so_that_other_preparation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.calib"
    shards = [edgeconv.calibrate(MODEL, str(FOLDER / "calib.npz"), shard=(number, 2)) for number in (2, 1)]
    save_calibration(shards[0].merged(shards[1]), path)
    model = edgeconv.convert(MODEL, calibration=path)
    direct = edgeconv.convert(MODEL, calibration=str(FOLDER / "calib.npz"))
    key = "calibration.inputs"
    assert model.program.metadata[key] == direct.program.metadata[key] != ""
    with np.load(FOLDER / "test.npz") as file:
        pixels = {"input": 255 * file["input"]}
    (warning,) = edgeconv.evaluate(model, pixels, reference=MODEL).warnings
    assert "different preprocessing?" in warning


@pytest.mark.parametrize("count", [1, 3])
def test_a_sequence_is_calibrated_with_its_states(count: int) -> None:
    model, frames = gru_model().SerializeToString(), {"x": FRAMES}
    shards = [edgeconv.calibrate(model, frames, states=GRU, shard=(at, count)) for at in range(1, count + 1)]
    seen = shards[0]
    for other in shards[1:]:
        seen = seen.merged(other)
    later = edgeconv.convert(model, calibration=seen, states=GRU)
    direct = edgeconv.convert(model, calibration=frames, states=GRU)
    assert later.program.states
    assert [tensor.type for tensor in later.program.tensors] == [tensor.type for tensor in direct.program.tensors]
    for mine, yours in zip(later.program.tensors, direct.program.tensors, strict=True):
        np.testing.assert_array_equal(mine.data, yours.data)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_damaged_file_is_refused(whole: Calibrated, cut: int) -> None:
    with pytest.raises(CorruptDataError, match="is no calibration that this edgeconv can read"):
        Calibrated.from_bytes(whole.to_bytes()[:cut], "x.calib")


@pytest.mark.parametrize("header", ["{'shape': (4000000000,), 'fortran_order': False, 'descr': '<f8'}", "{'shape': ("])
def test_an_array_that_is_not_there_takes_no_memory(whole: Calibrated, header: str) -> None:
    with zipfile.ZipFile(io.BytesIO(whole.to_bytes())) as old, zipfile.ZipFile(changed := io.BytesIO(), "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
            if name == "recipe.npy":
                new.writestr("extra.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    with pytest.raises(CorruptDataError, match="is no calibration that this edgeconv can read"):
        Calibrated.from_bytes(changed.getvalue(), "x.calib")


def test_memory_of_statistics_does_not_grow_with_the_samples(whole: Calibrated) -> None:
    few = edgeconv.calibrate(MODEL, "random:130:3")
    assert len(whole.to_bytes()) < 1.5 * len(few.to_bytes())
