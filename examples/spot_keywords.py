"""Keyword spotting over a .wav file or the microphone.

    python3 examples/spot_keywords.py whistles.edge recording.wav
    python3 examples/spot_keywords.py kws.pyz --microphone --labels words.txt

The contract: the model takes the features of MLPerf Tiny's keyword spotting (`mfcc.py`: 49 frames of 10 coefficients,
in any shape that holds 490 numbers) and returns a score per class. `--labels` names a text file with the name of a
class on every line; without it, the names of `sample_models/whistles_dscnn` or of MLPerf Tiny are taken.
The microphone needs `sounddevice` (sudo apt install python3-sounddevice, or pip install sounddevice).
"""

from __future__ import annotations

import argparse
import sys
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from mfcc import RATE, mfcc
from numpy.typing import NDArray
from opening import open_model, read_labels

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter

_HOP = RATE // 4
_SHOWN_FROM = 0.6
_NAMES = {
    6: ("background", "steady", "rising", "falling", "beeps", "warble"),
    12: ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"),
}
_QUIET = {"background", "silence", "unknown"}


@dataclass(frozen=True)
class Spotter:
    """A model and the names of its classes."""

    interpreter: Interpreter
    names: Sequence[str]

    def __call__(self, second: NDArray[np.float32]) -> tuple[str, float]:
        """The best class of one second of sound, and its probability."""
        known = self.interpreter.input_type(self.interpreter.input_names[0])
        shape = [dim if isinstance(dim, int) else 1 for dim in known.shape]
        features = mfcc(second / max(float(second.max()), 1e-6))
        scores = self.interpreter(features.reshape(shape)).reshape(-1)
        best = int(scores.argmax())
        return self.names[best], float(_probabilities(scores)[best])


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen, and print what was heard."""
    given = _parser().parse_args(arguments)
    interpreter = open_model(given.model)
    spotter = Spotter(interpreter, _names(interpreter, given.labels))
    chunks = _microphone() if given.microphone else _wav(given.wav)
    for moment, name, probability in spot(spotter, chunks):
        print(f"{moment:7.2f} s  {name:<12} {probability:4.0%}", flush=True)
    return 0


def spot(spotter: Spotter, chunks: Iterable[NDArray[np.float32]]) -> Iterator[tuple[float, str, float]]:
    """(seconds from the start, name, probability) whenever a new word is heard; `chunks` are a quarter second each."""
    heard, last, window = "", 0.0, np.zeros(RATE, np.float32)
    for number, chunk in enumerate(chunks, 1):
        window = np.concatenate([window[len(chunk) :], chunk])
        name, probability = spotter(window)
        is_word = name not in _QUIET and probability >= _SHOWN_FROM
        if is_word and heard == name and last != name:
            yield number * _HOP / RATE, name, probability
            last = name
        elif not is_word:
            last = ""
        heard = name if is_word else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .edge file, or what `edgeconv deploy` wrote")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("wav", nargs="?", help="16-bit PCM, 16 kHz")
    source.add_argument("--microphone", action="store_true")
    parser.add_argument("--labels", help="a text file, one name per line")
    return parser


def _names(interpreter: Interpreter, labels: str | None) -> Sequence[str]:
    classes = int(interpreter(np.zeros(_input_shape(interpreter), np.float32)).size)
    names = read_labels(labels) if labels else _NAMES.get(classes, ())
    if len(names) != classes:
        sys.exit(f"the model has {classes} classes; give --labels with as many names, found {len(names)}")
    return names


def _input_shape(interpreter: Interpreter) -> list[int]:
    known = interpreter.input_type(interpreter.input_names[0])
    return [dim if isinstance(dim, int) else 1 for dim in known.shape]


def _probabilities(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax, unless the model ends in one."""
    if scores.min() >= 0 and abs(scores.sum() - 1) < 0.05:
        return scores
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def _wav(path: str) -> Iterator[NDArray[np.float32]]:
    """A file in pieces of a quarter second; channels are averaged, a second of silence follows."""
    try:
        with wave.open(path, "rb") as file:
            if file.getframerate() != RATE or file.getsampwidth() != 2:
                found = f"{file.getframerate()} Hz, {8 * file.getsampwidth()} bit"
                sys.exit(f"{path}: found {found}; needed are 16000 Hz, 16 bit: sox {path} -r 16000 -b 16 out.wav")
            channels = file.getnchannels()
            while data := file.readframes(_HOP):
                frames = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1).astype(np.float32) / 32768
                yield np.pad(frames, (0, _HOP - len(frames)))
    except (OSError, EOFError, wave.Error) as error:
        sys.exit(f"{path} cannot be read as a .wav file: {error}")
    for _ in range(RATE // _HOP):
        yield np.zeros(_HOP, np.float32)


def _microphone() -> Iterator[NDArray[np.float32]]:
    """The default microphone in pieces of a quarter second, until Ctrl-C."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        sys.exit(f"the microphone needs sounddevice ({error}): sudo apt install python3-sounddevice")
    with sounddevice.InputStream(samplerate=RATE, channels=1, dtype="float32", blocksize=_HOP) as stream:
        while True:
            frames, _ = stream.read(_HOP)
            yield frames[:, 0]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
