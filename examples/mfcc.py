"""The features of MLPerf Tiny's keyword spotting, in NumPy: one second of sound -> 49 frames of 10 coefficients.

16 kHz, windows of 30 ms every 20 ms (Hann, periodic), the magnitude of a 512-point Fourier transform, 40 mel bands from
20 to 4,000 Hz (HTK's scale, triangles in mel), log(x + 1e-6), DCT-II divided by sqrt(2 * 40), the first 10. So does
TensorFlow's `tf.signal`, with which that model was trained:
https://github.com/mlcommons/tiny/blob/master/benchmark/training/keyword_spotting
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["COEFFICIENTS", "FRAMES", "HOP", "RATE", "mfcc"]

RATE = 16_000
FRAMES, COEFFICIENTS = 49, 10
HOP = 320
_WINDOW, _FFT = 480, 512
_BANDS, _LOWEST, _HIGHEST = 40, 20.0, 4000.0


def mfcc(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features [49, 10] of one second: float32 [16000], scaled so that its largest value is 1; shorter is padded."""
    padded = np.zeros(RATE, np.float32)
    padded[: min(len(sound), RATE)] = sound[:RATE]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * _hann(), _FFT))
    logs = np.log(spectrum @ _mel_weights() + 1e-6)
    return (logs @ _cosines()).astype(np.float32)


@cache
def _hann() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)


@cache
def _mel_weights() -> NDArray[np.float64]:
    """[257, 40]: triangles that overlap by half; the constant part of the sound is left out."""
    bins = _mel(np.linspace(0, RATE / 2, _FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(np.array(_LOWEST)), _mel(np.array(_HIGHEST)), _BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127 * np.log1p(hertz / 700)


@cache
def _cosines() -> NDArray[np.float64]:
    """[40, 10]: DCT-II, scaled."""
    angles = np.pi / _BANDS * (np.arange(_BANDS)[:, None] + 0.5) * np.arange(COEFFICIENTS)
    return 2 * np.cos(angles) / np.sqrt(2 * _BANDS)
