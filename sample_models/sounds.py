"""One second of sound at a time, synthesised: what people whistle or beep at a machine. NumPy only, seeded.

Every sound has a random pitch, loudness, beginning, timbre and background noise. Features are those of
`examples/mfcc.py`, rounded to eighths so that the files stay small.
"""

from __future__ import annotations

import sys
import wave

import numpy as np
from catalogue import ROOT
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT.parent / "examples"))

from mfcc import RATE, mfcc  # a folder of scripts, not a package

__all__ = ["CLASSES", "features_of", "sound"]

CLASSES = ("background", "steady", "rising", "falling", "beeps", "warble")
_LENGTH = np.arange(RATE) / RATE
_SEED = 7
_SILENT = 0.2
"""How much of the background is silence."""


def sound(label: int, random: np.random.Generator) -> NDArray[np.float32]:
    """One second of the class number `label`, float32 in [-1, 1]."""
    noise = _noise(random)
    if CLASSES[label] == "background":
        return (noise * (random.random() > _SILENT) * random.uniform(0.002, 0.2)).astype(np.float32)
    begin, length = random.uniform(0, 0.25), random.uniform(0.55, 0.75)
    place = (_LENGTH - begin) / length
    phase = 2 * np.pi * np.cumsum(_pitch(CLASSES[label], place, random)) / RATE
    overtone = random.uniform(0, 0.3)
    tone = np.sin(phase) + overtone * np.sin(2 * phase)
    mixed = tone * _envelope(CLASSES[label], place, random) + noise * random.uniform(0.002, 0.08)
    loud = mixed / np.abs(mixed).max() * random.uniform(0.1, 1)
    return loud.astype(np.float32)


def features_of(sounds: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N, 16000] -> [N, 1, 49, 10]; each sound is scaled to a largest value of 1 first."""
    found = np.stack([mfcc(each / max(float(each.max()), 1e-6)) for each in sounds])
    return (np.round(found * 8) / 8).astype(np.float32)[:, None]


def _noise(random: np.random.Generator) -> NDArray[np.float64]:
    """Noise between white and brown."""
    white = random.standard_normal(RATE)
    spectrum = np.fft.rfft(white) / (1 + np.arange(RATE // 2 + 1)) ** random.uniform(0, 1)
    shaped = np.fft.irfft(spectrum, RATE)
    return shaped / np.abs(shaped).max()


def _pitch(name: str, place: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Hertz over time; `place` runs from 0 to 1 while the sound lasts."""
    base, bend = random.uniform(500, 1400), random.uniform(1.4, 2.2)
    inside = np.clip(place, 0, 1)
    if name == "rising":
        return base * bend**inside
    if name == "falling":
        return base * bend ** (1 - inside)
    if name == "warble":
        return base * (1 + random.uniform(0.12, 0.25) * np.sin(2 * np.pi * random.uniform(5, 9) * inside))
    return np.full(RATE, base * random.uniform(1, 1.6))


def _envelope(name: str, place: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Loudness over time, 0 to 1, with soft edges."""
    edge = 0.04
    whole = np.clip(np.minimum(place, 1 - place) / edge, 0, 1)
    if name != "beeps":
        return whole
    count = random.integers(2, 5)
    beat = (place * count) % 1
    return whole * np.clip(np.minimum(beat, random.uniform(0.45, 0.65) - beat) / edge, 0, 1)


def main() -> int:
    """`python3 sample_models/sounds.py FILE.wav`: one sound of each class, two seconds apart; 16 bit, 16 kHz."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".wav"):
        print(main.__doc__)
        return 2
    random = np.random.default_rng(_SEED)
    sounds = [part for label in range(1, len(CLASSES)) for part in (sound(label, random), sound(0, random) * 0.05)]
    with wave.open(sys.argv[1], "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((np.concatenate(sounds) * 32767).astype("<i2").tobytes())
    print(f"{sys.argv[1]}: {', '.join(CLASSES[1:])}, two seconds each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
