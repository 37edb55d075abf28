"""What refining did, as plain frozen data: for the report, which says it, and for whoever asks why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, log10

__all__ = ["UNREFINED", "Attempt", "HeldOut", "LayerChoice", "RaisedValue", "RefinementRecord", "Trial", "decibels_of"]

UNREFINED = "unrefined"
"""The trial in which nothing is refined."""


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
class RaisedValue:
    """Activations held above int8, and why: `sqnr` in dB of the network's outputs when they alone are rounded to int8.

    `names`: values of the network that share parameters. `precision`: int16 or float (with int8 weights).
    `macs`: share of all multiply-accumulates that leaves int8 with them.
    """

    names: tuple[str, ...]
    precision: str
    sqnr: float
    macs: float


@dataclass(frozen=True)
class Attempt:
    """One measured way to raise activations: `value` is the drop (a share) or SQNR in dB that it reached.

    `int8_share`: of the multiply-accumulates, what stays int8 weights times int8 activations.
    """

    raised: tuple[RaisedValue, ...]
    int8_share: float
    value: float
    is_enough: bool


@dataclass(frozen=True)
class HeldOut:
    """Samples that no choice depends on: the drop (a share) or SQNR in dB of what was chosen.

    `error`: the standard error of the drop, None where it is not known.
    """

    samples: int
    value: float
    error: float | None = None


@dataclass(frozen=True)
class RefinementRecord:
    """Everything that was tried. `held_back`: samples that only judge. `stopped`: why refining ended early, or "".

    `raised`: activations above int8, most harmful first; `attempts`: what was measured on the way there; `held_out`:
    what came out on samples that no attempt was measured on. `metric`: what attempts were measured in.
    `free`: activations in 16 bits that nothing multiplies; `cheap`: harmful ones in 16 bits that few products take.
    `observed`: the observers that were tried, each with the SQNR of the outputs when activations alone are rounded to
    its ranges. `reach`: how many times as far ranges go on average as what was seen of their values.
    """

    effort: str
    layers: tuple[LayerChoice, ...] = ()
    trials: tuple[Trial, ...] = ()
    held_back: int = 0
    stopped: str = ""
    raised: tuple[RaisedValue, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    metric: str = ""
    held_out: HeldOut | None = None
    free: tuple[str, ...] = ()
    cheap: tuple[RaisedValue, ...] = ()
    observed: tuple[Trial, ...] = ()
    reach: float = 1.0
    undone: tuple[str, ...] = field(default=())
    """Sentences: what was tried beyond a single layer, got worse on held-back samples, and was undone."""

    @property
    def is_unrefined(self) -> bool:
        """True where the refinements of all layers were undone together."""
        return any(trial.taken and trial.name == UNREFINED for trial in self.trials)


def decibels_of(signal: float, error: float) -> float:
    """10 log10(signal / error); infinite without error."""
    if error <= 0:
        return inf
    return 10 * log10(max(signal, 1e-300) / error)
