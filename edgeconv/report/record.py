"""What refining did, as plain frozen data: for the report, which says it, and for whoever asks why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, log10

__all__ = ["LayerChoice", "RefinementRecord", "Trial", "decibels_of"]


@dataclass(frozen=True)
class LayerChoice:
    """One layer: the held-back mean squared error of every proposal by name, simplest first, and what was taken.

    `node`: the ONNX node's name; `output`: the value that it computes. `signal`: mean square of the layer's float
    output on the same samples.
    """

    node: str
    output: str
    operator: str
    taken: str
    errors: Mapping[str, float]
    signal: float

    @property
    def undone(self) -> tuple[str, ...]:
        """The proposals that made the layer worse than the simplest, and were undone for that."""
        plain, *others = self.errors
        return tuple(name for name in others if self.errors[name] > self.errors[plain])

    @property
    def sqnr(self) -> dict[str, float]:
        """SQNR in dB of the layer's output, by proposal; infinite where nothing is lost."""
        return {name: decibels_of(self.signal, error) for name, error in self.errors.items()}


@dataclass(frozen=True)
class Trial:
    """One way to quantize the whole network, and the SQNR in dB of its worst output on held-back samples."""

    name: str
    sqnr: float
    taken: bool


@dataclass(frozen=True)
class RefinementRecord:
    """Everything that was tried. `held_back`: samples that only judge. `stopped`: why refining ended early, or ""."""

    effort: str
    layers: tuple[LayerChoice, ...] = ()
    trials: tuple[Trial, ...] = ()
    held_back: int = 0
    stopped: str = ""
    undone: tuple[str, ...] = field(default=())
    """Sentences: what was tried beyond a single layer, got worse on held-back samples, and was undone."""


def decibels_of(signal: float, error: float) -> float:
    """10 log10(signal / error); infinite without error."""
    if error <= 0:
        return inf
    return 10 * log10(max(signal, 1e-300) / error)
