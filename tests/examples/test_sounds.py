"""Keyword spotting on sounds that are synthesised here, from a seed that training did not see."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv_cli.main import run_commands
from tests.examples.running import SAMPLES, run_example

sys.path.insert(0, str(SAMPLES))

from sounds import CLASSES, sound  # a folder of scripts, not a package

_RATE = 16_000


@pytest.fixture(scope="module")
def whistles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample model as int8."""
    target, sample = tmp_path_factory.mktemp("whistles") / "whistles.edge", SAMPLES / "whistles_dscnn"
    given = [str(sample / "model.onnx"), str(target), "--calib", str(sample / "calib.npz"), "--quiet"]
    assert run_commands(["convert", *given]) == 0
    return target


def _write(path: Path, samples: Array, rate: int = _RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", "not compressed"))
        frames = (samples * 32767).astype("<i2")
        file.writeframes(np.repeat(frames, channels).tobytes())
    return path


def _recording(labels: list[int], seed: int) -> Array:
    """One second of each class, with a second of faint noise behind it."""
    random = np.random.default_rng(seed)
    return np.concatenate([part for label in labels for part in (sound(label, random), 0.05 * sound(0, random))])


@pytest.mark.parametrize("channels", [1, 2])
def test_sounds_in_a_recording_are_named_in_order(whistles: Path, channels: int, tmp_path: Path) -> None:
    recording = _write(tmp_path / "r.wav", _recording([2, 3, 4, 5], seed=99), channels=channels)
    done = run_example("spot_keywords.py", whistles, recording)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[2] for line in lines] == [CLASSES[label] for label in (2, 3, 4, 5)]
    moments = [float(line[0]) for line in lines]
    assert all(2 * number < moment <= 2 * number + 2 for number, moment in enumerate(moments))


def test_silence_and_noise_are_nothing(whistles: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    quiet = np.concatenate([np.zeros(2 * _RATE), *(sound(0, random) for _ in range(4))])
    done = run_example("spot_keywords.py", whistles, _write(tmp_path / "q.wav", quiet))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_does_not_fit_is_refused(whistles: Path, tmp_path: Path) -> None:
    slow = run_example("spot_keywords.py", whistles, _write(tmp_path / "slow.wav", np.zeros(100), rate=8000))
    assert slow.returncode == 1
    assert "found 8000 Hz, 16 bit; needed are 16000 Hz, 16 bit" in slow.stderr
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    short = run_example("spot_keywords.py", whistles, tmp_path / "slow.wav", "--labels", tmp_path / "names.txt")
    assert short.returncode == 1
    assert "the model has 6 classes; give --labels with as many names, found 2" in short.stderr
    for path in (tmp_path / "names.txt", tmp_path / "nothing.wav"):
        unread = run_example("spot_keywords.py", whistles, path)
        assert unread.returncode == 1
        assert unread.stderr.startswith(f"{path} cannot be read as a .wav file: ")
