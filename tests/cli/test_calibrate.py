"""edgeconv calibrate on the command line: shards, merging, going on, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from math import inf
from pathlib import Path

import numpy as np
import pytest

from edgeconv import calibrate as edgeconv_calibrate
from edgeconv.calibration import load_calibration
from edgeconv_cli import cluster
from edgeconv_cli.calibrate import Checkpoints
from tests.cli.conftest import Command

MODEL = str(Path(__file__).parents[2] / "sample_models" / "digits_resnet" / "model.onnx")
DATA = "random:300:1"


def test_shards_are_merged_and_converted(edgeconv: Command, tmp_path: Path) -> None:
    one, two, merged = (str(tmp_path / name) for name in ("1.calib", "2.calib", "x.calib"))
    assert edgeconv("calibrate", MODEL, "-d", DATA, "--shard", "1/2", "-o", one).code == 0
    assert edgeconv("calibrate", MODEL, "-d", DATA, "--shard", "2/2", "-o", two).code == 0
    done = edgeconv("calibrate", "--merge", two, one, "-o", merged, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["samples"] == 300
    assert found["batches"] == found["batches_in_all"]
    edge, direct = tmp_path / "x.edge", tmp_path / "direct.edge"
    assert edgeconv("convert", MODEL, edge, "--calib", merged).code == 0
    assert edgeconv("convert", MODEL, direct, "--calib", DATA).code == 0
    assert edge.read_bytes() == direct.read_bytes()
    assert edgeconv("verify", edge).code == 0
    fewer = edgeconv("convert", MODEL, edge, "--calib", merged, "--samples", 5, "--force")
    assert (fewer.code, "has seen its samples" in fewer.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", DATA, "-o", "x.npz"], "x.npz must end in .calib"),
        (["-o", "x.calib"], "--data is missing"),
        (["-d", DATA, "-o", "x.calib", "--shard", "half"], "expected I/N as in 3/8"),
        (["-d", DATA, "-o", "x.calib", "--shard", "9/8"], "shard 9/8 does not exist"),
    ],
)
def test_what_makes_no_sense_is_one_line(edgeconv: Command, arguments: list[str], message: str) -> None:
    done = edgeconv("calibrate", MODEL, *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_merge_takes_nothing_that_says_how_samples_are_seen(edgeconv: Command, tmp_path: Path) -> None:
    seen = str(tmp_path / "1.calib")
    assert edgeconv("calibrate", MODEL, "-d", "random:8", "-o", seen).code == 0
    for option in (("--data", DATA), ("--shard", "1/1"), ("--exclude", "x"), ("--mean", "1"), ("--resume",)):
        done = edgeconv("calibrate", "--merge", seen, "-o", str(tmp_path / "x.calib"), *option)
        assert (done.code, f"{option[0]} says how samples are seen" in done.err) == (2, True)
    assert not (tmp_path / "x.calib").exists()


def test_checkpoints_are_whole_and_do_not_take_the_time(tmp_path: Path) -> None:
    seen, path = edgeconv_calibrate(MODEL, "random:40:2"), tmp_path / "x.calib.partial"
    save = Checkpoints(str(path))
    save(seen)
    assert load_calibration(path).to_bytes() == seen.to_bytes()
    path.unlink()
    save.due = inf
    save(seen)
    assert not path.exists()


def test_a_damaged_or_foreign_file_is_no_calibration(edgeconv: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.calib", tmp_path / "bad.calib"
    assert edgeconv("calibrate", MODEL, "-d", "random:8", "-o", good).code == 0
    np.save(tmp_path / "array.npy", np.zeros(3))
    whole, rng = good.read_bytes(), np.random.default_rng(0)
    damaged = [whole[: len(whole) // 2], b"", b"no calibration", (tmp_path / "array.npy").read_bytes()]
    for _ in range(60):
        content = np.frombuffer(whole, np.uint8).copy()
        content[rng.integers(len(content), size=4)] ^= 255
        damaged.append(content.tobytes())
    for content in damaged:
        bad.write_bytes(content)
        done = edgeconv("calibrate", "--merge", bad, "-o", tmp_path / "x.calib", "--force")
        assert done.code in (0, 4), done.err
        assert done.code == 0 or "make it with edgeconv calibrate" in done.err
        assert "pickle" not in done.err


def test_what_is_left_of_an_interrupted_run_is_not_overwritten(edgeconv: Command, tmp_path: Path) -> None:
    target = tmp_path / "x.calib"
    assert edgeconv("calibrate", MODEL, "-d", DATA, "--shard", "1/2", "-o", str(tmp_path / "half.calib")).code == 0
    (tmp_path / "half.calib").rename(tmp_path / "x.calib.partial")
    refused = edgeconv("calibrate", MODEL, "-d", DATA, "-o", str(target))
    assert refused.code == 2
    assert "pass --resume to go on with it" in refused.err
    assert edgeconv("calibrate", MODEL, "-d", DATA, "-o", str(target), "--resume").code == 0
    whole = tmp_path / "whole.calib"
    assert edgeconv("calibrate", MODEL, "-d", DATA, "-o", str(whole)).code == 0
    assert target.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "x.calib.partial").exists()


def test_evaluate_in_processes_says_the_same(edgeconv: Command, tmp_path: Path) -> None:
    folder = Path(MODEL).parent
    edge = tmp_path / "x.edge"
    assert edgeconv("convert", MODEL, edge, "--calib", folder / "calib.npz", "--effort", "fast").code == 0
    given = ("evaluate", edge, "--data", folder / "test.npz", "--reference", MODEL, "--json")
    alone, together = (json.loads(edgeconv(*given, "--workers", count).out) for count in ("1", "2"))
    assert {**together, "command": None} == {**alone, "command": None}


def test_what_to_hold_out_needs_a_search(edgeconv: Command, tmp_path: Path) -> None:
    data = Path(MODEL).parent / "calib.npz"
    given = ("convert", MODEL, tmp_path / "x.edge", "--calib", data, "--eval", data, "--hold-out", "0.5")
    done = edgeconv(*given)
    assert done.code == 2
    assert "--hold-out is about the search that --max-drop and --min-sqnr start" in done.err


def test_best_effort_in_processes_writes_the_same(edgeconv: Command, tmp_path: Path) -> None:
    """Judged by all samples, not by the first alone."""
    folder, found = Path(MODEL).parents[1] / "cancer_mlp", []
    for count in ("1", "2"):
        target, report = tmp_path / f"{count}.edge", tmp_path / count
        given = ("convert", folder / "model.onnx", target, "--calib", folder / "calib.npz", "--report", report)
        done = edgeconv(*given, "--eval", folder / "test.npz", "--effort", "best", "--workers", count)
        assert done.code == 0
        told = json.loads((report / "report.json").read_text())
        found.append((target.read_bytes(), told["conversion"]["refinement"]))
    assert found[0] == found[1]
    assert found[0][1]["held_back"] > 32


def test_a_scheduler_that_ends_ends_the_command(
    edgeconv: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """distributed would let it wait for ever for results that nobody computes."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    monkeypatch.setattr(cluster, "_SECONDS", 2)
    words = [sys.executable, "-m", "dask", "scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stderr is not None
        address = next(each[0] for line in scheduler.stderr if (each := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
        threading.Timer(3, scheduler.kill).start()
        done = edgeconv("calibrate", MODEL, "-d", DATA, "-o", tmp_path / "x.calib", "--dask", address)
    assert done.code == 1
    assert f"the Dask scheduler at {address} is gone" in done.err
