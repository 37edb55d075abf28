"""Mixtures: the candidate with some layers computed by the reference, and which few layers are worth that.

What a layer in float gives back depends on its neighbours: a value between two such layers is never rounded. So sets of
layers are tried out, and the best is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array
from edgeconv.report.layer_sums import apart, counted_rows, energy, finite
from edgeconv.report.replay import Replay
from edgeconv.report.sites import INPUT, Site, sites_by_step

__all__ = ["Mixture", "Remedies", "Remedy"]

_MOST_LAYERS = 5
_SEEDS = 3
_WORTHWHILE = 10**0.02
"""Noise that differs by less than this factor, 0.2 dB, counts as the same."""
_ROUNDS = ((32, 6), (96, 3), (256, 1))
"""After so many samples, so many sets are left."""

Gain = Callable[[Site], "Array | float"]


@dataclass(frozen=True)
class Remedy:
    """Layers, and the noise at the worst output as a share of the signal: as it is, and with those layers in float."""

    sites: tuple[Site, ...]
    noise: float
    noise_after: float
    samples: int


class Mixture:
    """Both programs on one batch, of which `rows` rows count (None: all).

    `gain`: the factor from a site's values in the reference to those in the candidate.
    """

    def __init__(
        self,
        reference: Replay,
        candidate: Replay,
        sites: Sequence[Site],
        gain: Gain,
        feeds: Mapping[str, Array],
        rows: int | None,
    ) -> None:
        self._reference, self._candidate, self._gain, self._feeds, self._rows = reference, candidate, gain, feeds, rows
        self._at = sites_by_step(sites)
        self._maker = {i: number for number, step in enumerate(reference.program.steps) for i in step.outputs}
        self._outputs = [i for i in reference.program.outputs if reference.is_real(i)]
        reference.feed(feeds)
        reference.run()
        self._wanted = [counted_rows(reference.real(index), rows).astype(np.float64) for index in self._outputs]
        self.signal = np.array([energy(finite(wanted)) for wanted in self._wanted])

    def noise(self, floats: Iterable[Site]) -> Array:
        """Squared error of every output when the layers `floats` are the reference's, all others the candidate's."""
        steps = {site.step for site in floats}
        reference, candidate = self._reference, self._candidate
        reference.feed(self._feeds)
        candidate.feed(self._feeds)
        done = 0

        def settle(number: int) -> None:
            nonlocal done
            for site in self._at[number]:
                done = reference.run_between(done, self._maker.get(site.reference, INPUT) + 1)
                if not (site.moves or number in steps):
                    reference.set_real(site.reference, candidate.real(site.candidate) / self._gain(site))
                candidate.set_real(site.candidate, reference.real(site.reference) * self._gain(site))

        settle(INPUT)
        candidate.run(settle)
        reference.run_between(done, len(reference.program.steps))
        found = (counted_rows(reference.real(index), self._rows) for index in self._outputs)
        return np.array([energy(apart(wanted, output)) for wanted, output in zip(self._wanted, found, strict=True)])


class Remedies:
    """Sets of at most five layers, tried out as samples stream by; from time to time the worse ones are given up.

    layers: those that may be put in float, in order of execution. harm: what each does alone.
    """

    def __init__(self, layers: Sequence[Site], harm: Mapping[Site, float]) -> None:
        sets: list[tuple[Site, ...]] = [(), *_sets(layers, harm)]
        self._noise: dict[tuple[Site, ...], Array | float] = dict.fromkeys(sets, 0.0)
        self._signal: Array | float = 0.0
        self.samples = 0

    @property
    def is_settled(self) -> bool:
        """True when no more samples are needed."""
        return self.samples >= _ROUNDS[-1][0]

    def add(self, mixture: Mixture, samples: int) -> None:
        """Try every set that is left on one batch of so many samples."""
        before = self.samples
        self.samples += samples
        self._signal = self._signal + mixture.signal
        for sites in self._noise:
            self._noise[sites] = self._noise[sites] + mixture.noise(sites)
        for end, most in _ROUNDS:
            if before < end <= self.samples:
                best = sorted(filter(None, self._noise), key=self._loss)[:most]
                self._noise = {sites: self._noise[sites] for sites in ((), *best)}

    def best(self) -> Remedy | None:
        """The smallest set that is nearly as good as the best; None where none helps."""
        losses = {sites: self._loss(sites) for sites in self._noise}
        nothing = losses.pop(())
        least = min(losses.values(), default=nothing)
        if not least < nothing / _WORTHWHILE:
            return None
        chosen = min((sites for sites in losses if losses[sites] <= least * _WORTHWHILE), key=len)
        return Remedy(chosen, nothing, losses[chosen], self.samples)

    def _loss(self, sites: tuple[Site, ...]) -> float:
        """Noise over signal at the output that the candidate as it is disturbs most."""
        worst = np.argmax(np.asarray(self._noise[()]) / np.maximum(self._signal, 1e-300))
        return float((np.asarray(self._noise[sites]) / np.maximum(self._signal, 1e-300)).reshape(-1)[worst])


def _sets(layers: Sequence[Site], harm: Mapping[Site, float]) -> Iterable[tuple[Site, ...]]:
    """The most harmful layers, and stretches of layers around each of the worst and at both ends.

    Never more than a third of the layers: a remedy that leaves most of a network in float is none.
    """
    most = max(min(_MOST_LAYERS, len(layers) // 3), 1)
    ranked = sorted(layers, key=lambda site: -harm[site])
    yield from (tuple(ranked[:count]) for count in range(1, min(most, len(ranked)) + 1))
    places = [layers.index(site) for site in ranked[:_SEEDS]]
    stretches = [(place - back, min(count, most)) for place in places for back, count in ((1, 3), (2, 5), (4, 5))]
    stretches += [(0, min(3, most)), *((len(layers) - count, count) for count in (1, 3, 5) if count <= most)]
    yield from (tuple(layers[max(start, 0) : max(start, 0) + count]) for start, count in stretches)
