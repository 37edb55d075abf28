"""The features of keyword spotting against their definition, written out in plain loops."""

from __future__ import annotations

import math
import sys

import numpy as np

from edgeconv.core import Array
from tests.examples.running import EXAMPLES

sys.path.insert(0, str(EXAMPLES))

from mfcc import mfcc  # a folder of scripts, not a package

_SILENCE = math.log(1e-6) * 40 * 2 / math.sqrt(80)


def _mel(hertz: float) -> float:
    """HTK's scale."""
    return 2595 * math.log10(1 + hertz / 700)


def _frame(sound: Array, first: int) -> list[float]:
    """Ten coefficients of the 480 samples from `first` on."""
    samples = [float(sound[first + n]) * (0.5 - 0.5 * math.cos(2 * math.pi * n / 480)) for n in range(480)]
    logs = []
    spectrum = []
    for k in range(257):
        real = sum(x * math.cos(2 * math.pi * k * n / 512) for n, x in enumerate(samples))
        imaginary = sum(x * math.sin(2 * math.pi * k * n / 512) for n, x in enumerate(samples))
        spectrum.append(math.hypot(real, imaginary))
    step = (_mel(4000) - _mel(20)) / 41
    for band in range(40):
        lower, upper = _mel(20) + band * step, _mel(20) + (band + 2) * step
        energy = 0.0
        for k in range(1, 257):
            place = _mel(k * 16000 / 512)
            energy += max(0.0, min(place - lower, upper - place) / step) * spectrum[k]
        logs.append(math.log(energy + 1e-6))
    return [
        sum(2 * x * math.cos(math.pi * c * (2 * n + 1) / 80) for n, x in enumerate(logs)) / math.sqrt(80)
        for c in range(10)
    ]


def test_frames_are_what_the_definition_says() -> None:
    time = np.arange(16000) / 16000
    sound = (np.sin(2 * np.pi * 700 * time) * time + 0.05 * np.sin(2 * np.pi * 3100 * time)).astype(np.float32)
    found = mfcc(sound)
    assert (found.shape, found.dtype) == ((49, 10), np.float32)
    for frame in (0, 17, 48):
        np.testing.assert_allclose(found[frame], _frame(sound, 320 * frame), rtol=1e-4, atol=1e-3)


def test_silence_and_short_sounds() -> None:
    found = mfcc(np.ones(480, np.float32))
    np.testing.assert_allclose(found[2:, 0], _SILENCE, rtol=1e-6)
    np.testing.assert_allclose(found[2:, 1:], 0, atol=1e-4)
    assert found[0, 0] > _SILENCE
