"""Layer by layer: what each layer of a candidate loses by itself, what has come together so far, and what it harms.

Every batch runs three times: the reference; the candidate as it runs; and the candidate with the reference's values put
back after every layer, so that each is judged by its own error. On the first batch, each layer's own error is also put
into the reference, by itself, and followed to the outputs: errors of layers add up nearly as if they were independent
(cf. Lin et al., "Fixed Point Quantization of Deep Convolutional Networks", ICML 2016), so the shares say whom to blame.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import DataError
from edgeconv.report.accuracy import OutputFidelity
from edgeconv.report.layer_sums import LayerSums, apart, counted_rows, decibels, energy, finite, held_range
from edgeconv.report.layers import LayerFacts
from edgeconv.report.metrics import Fidelity
from edgeconv.report.mixture import Mixture, Remedies, Remedy
from edgeconv.report.replay import Replay
from edgeconv.report.sites import INPUT, Site, find_sites, rescaled_values, sites_by_step
from edgeconv.report.weight_error import weight_sqnr
from edgeconv.runtime.program import Program

__all__ = ["Layerwise"]

_HISTOGRAMS = 8
_HARM_SAMPLES = 64
_CHANNELS = 1
"""The axis of channels (NCHW)."""


class Layerwise:
    """Accumulates batches; memory is that of one batch in both programs.

    `sites`: where the programs are held against each other; none where they have no value in common.
    """

    def __init__(self, reference: Program, candidate: Program) -> None:
        self._programs = reference, candidate
        self.sites = find_sites(reference, candidate)
        self._at = sites_by_step(self.sites)
        self._rescaled = rescaled_values(reference, candidate)
        self._sums = {site: LayerSums() for site in self.sites if site.is_layer}
        self._outputs = _OutputPairs(reference, candidate)
        self._gains: dict[str, Array] | None = None
        self._harm: dict[Site, Array] = {}
        self._output_signal = np.zeros(0)
        self._replays: tuple[object, Replay, Replay] | None = None
        self._state: dict[str, Array] = {}
        self.harm_samples = 0
        self._remedies: Remedies | None = None

    def add(self, feeds: Mapping[str, Array], samples: int, rows: int | None = None) -> None:
        """Take in one batch of so many samples; with `rows`, only the first so many rows count."""
        feeds = {**feeds, **self._state}
        reference, candidate = self._prepared(feeds)
        reference.feed(feeds)
        reference.run()
        self._keep_state(reference)
        candidate.feed(feeds)
        candidate.run()
        self._outputs.add(reference, candidate, rows)
        if self._gains is None:
            self._gains = {s.value: _gains(reference, candidate, s) for s in self.sites if s.value in self._rescaled}
        for site, sums in self._sums.items():
            wanted, found = self._pair(reference, candidate, site, rows)
            sums.signal += energy(finite(wanted))
            sums.cumulative += energy(apart(wanted, found))
            sums.see(wanted * self._gain(site), candidate.types[site.candidate])
        probe = _Probe(reference, rows) if self.harm_samples < _HARM_SAMPLES else None
        self._run_alone(reference, candidate, rows, probe)
        if probe is not None:
            self._take_harm(probe, samples)
        if self._has_outputs and not (self._remedies is not None and self._remedies.is_settled):
            self._try_remedies(Mixture(reference, candidate, self.sites, self._gain, feeds, rows), samples)

    @property
    def layers(self) -> int:
        """How many layers can be judged."""
        return len(self._sums)

    def fidelity(self) -> tuple[OutputFidelity, ...]:
        """How far the candidate's outputs are from the reference's."""
        return self._outputs.values()

    @property
    def remedy(self) -> Remedy | None:
        """The layers whose computation in float would help most."""
        return None if self._remedies is None else self._remedies.best()

    def facts(self) -> tuple[LayerFacts, ...]:
        """What was found, in order of execution; histograms for the most harmful layers."""
        noise = {site: self._noise_at_worst_output(site) for site in self._sums}
        total = sum(noise.values())
        worst = sorted(self._sums, key=lambda site: -noise[site])[:_HISTOGRAMS]
        return tuple(
            self._facts(site, noise[site], noise[site] / total if total else 0.0, site in worst) for site in self._sums
        )

    def _facts(self, site: Site, noise: float, harm: float, is_worst: bool) -> LayerFacts:
        candidate, sums = self._programs[1], self._sums[site]
        step = None if site.step == INPUT else candidate.steps[site.step]
        known = candidate.tensors[site.candidate].type
        return LayerFacts(
            name=site.value if step is None else step.name or site.value,
            operator="Input" if step is None else self._operator(site),
            value=site.value,
            dtype=known.dtype,
            local=decibels(sums.signal, sums.local),
            cumulative=decibels(sums.signal, sums.cumulative),
            alone=decibels(1.0, noise) if self._has_outputs else None,
            harm=harm,
            weights=None if step is None else weight_sqnr(*self._programs, site, self._gains or {}),
            saturated=sums.outside / sums.elements if sums.elements else 0.0,
            seen=sums.seen,
            held=held_range(known),
            rescaled=site.value in self._rescaled,
            histogram=sums.histogram() if is_worst else None,
        )

    def _operator(self, site: Site) -> str:
        """The reference's operator, which the candidate may have turned into a table."""
        reference, candidate = self._programs
        wanted = next((step for step in reference.steps if site.reference in step.outputs), candidate.steps[site.step])
        return type(wanted.op).__name__

    @property
    def _has_outputs(self) -> bool:
        return self._output_signal.size > 0

    def _noise_at_worst_output(self, site: Site) -> float:
        """Relative noise that the layer alone brings to the output which all layers together disturb most."""
        if not self._has_outputs:
            return 0.0
        everything = sum(self._harm.values()) / np.maximum(self._output_signal, 1e-300)
        worst = int(np.argmax(everything))
        return float(self._harm[site][worst] / max(self._output_signal[worst], 1e-300))

    def _prepared(self, feeds: Mapping[str, Array]) -> tuple[Replay, Replay]:
        """Both programs for the shapes of `feeds`; the last ones are kept."""
        key = tuple((name, array.shape) for name, array in feeds.items())
        if self._replays is None or self._replays[0] != key:
            self._replays = None
            reference, candidate = self._programs
            self._replays = key, Replay(reference, feeds), Replay(candidate, feeds)
        return self._replays[1:]

    def _take_harm(self, probe: _Probe, samples: int) -> None:
        self._output_signal = self._output_signal + probe.signal if self.harm_samples else probe.signal
        for site, noise in probe.noise.items():
            self._harm[site] = self._harm.get(site, 0.0) + noise
        self.harm_samples += samples

    def _try_remedies(self, mixture: Mixture, samples: int) -> None:
        if self._remedies is None:
            tensors = self._programs[1].tensors
            layers = [s for s in self._sums if s.step != INPUT and tensors[s.candidate].type.q is not None]
            self._remedies = Remedies(layers, {site: self._noise_at_worst_output(site) for site in layers})
        self._remedies.add(mixture, samples)

    def _run_alone(self, reference: Replay, candidate: Replay, rows: int | None, probe: _Probe | None) -> None:
        """The candidate with the reference's values put back after every step."""

        def judge(number: int) -> None:
            for site in self._at[number]:
                if site.is_layer:
                    wanted, found = self._pair(reference, candidate, site, rows)
                    self._sums[site].local += energy(apart(wanted, found))
                    if probe is not None:
                        probe.follow(site, candidate.real(site.candidate) / self._gain(site))
                candidate.set_real(site.candidate, reference.real(site.reference) * self._gain(site))

        judge(INPUT)
        candidate.run(judge)

    def _keep_state(self, reference: Replay) -> None:
        """The state of the next sample: the reference's, for both."""
        program = reference.program
        self._state = {program.tensors[i].name: reference.real(out).copy() for i, out in program.states}

    def _gain(self, site: Site) -> Array | float:
        return 1.0 if self._gains is None else self._gains.get(site.value, 1.0)

    def _pair(self, reference: Replay, candidate: Replay, site: Site, rows: int | None) -> tuple[Array, Array]:
        """The rows that count of both values, in the reference's units."""
        found = candidate.real(site.candidate)
        if site.value in self._rescaled:
            found = found / self._gain(site)
        return counted_rows(reference.real(site.reference), rows), counted_rows(found, rows)


class _OutputPairs:
    """The fidelity of all outputs, which belong together by their order."""

    def __init__(self, reference: Program, candidate: Program) -> None:
        if len(reference.outputs) != len(candidate.outputs):
            raise DataError(f"the candidate has {len(candidate.outputs)} outputs, the reference "
                            f"{len(reference.outputs)}; are they the same network?")  # fmt: skip
        self._fidelity = [Fidelity(candidate.tensors[index].name) for index in candidate.outputs]

    def add(self, reference: Replay, candidate: Replay, rows: int | None) -> None:
        pairs = zip(reference.program.outputs, candidate.program.outputs, strict=True)
        for fidelity, (wanted, found) in zip(self._fidelity, pairs, strict=True):
            fidelity.add(counted_rows(reference.real(wanted), rows), counted_rows(candidate.real(found), rows))

    def values(self) -> tuple[OutputFidelity, ...]:
        return tuple(fidelity.value for fidelity in self._fidelity)


class _Probe:
    """Puts one layer's error into the reference at a time, and measures the outputs; then all is as it was."""

    def __init__(self, reference: Replay, rows: int | None) -> None:
        self._reference, self._rows = reference, rows
        program = reference.program
        self._outputs = [index for index in program.outputs if reference.is_real(index)]
        arrays = reference.arrays.items()
        self._clean = {index: array.copy() for index, array in arrays if program.tensors[index].data is None}
        self._wanted = [counted_rows(reference.real(index), rows).copy() for index in self._outputs]
        self.signal = np.array([energy(finite(wanted)) for wanted in self._wanted])
        self.noise: dict[Site, Array] = {}

    def follow(self, site: Site, values: Array) -> None:
        """Note the noise of every output when `values` stand where the site's are."""
        reference = self._reference
        reference.set_real(site.reference, values)
        changed = reference.rerun([site.reference])
        found = [counted_rows(reference.real(index), self._rows) for index in self._outputs]
        self.noise[site] = np.array([energy(apart(w, f)) for w, f in zip(self._wanted, found, strict=True)])
        for index in changed:
            np.copyto(reference.arrays[index], self._clean[index])


def _gains(reference: Replay, candidate: Replay, site: Site) -> Array:
    """Least-squares factor of each channel from the reference's values to the candidate's; 1 for dead channels."""
    wanted, found = reference.real(site.reference), candidate.real(site.candidate)
    if wanted.ndim <= _CHANNELS:
        return np.ones(1, np.float32)
    axes = tuple(axis for axis in range(wanted.ndim) if axis != _CHANNELS)
    power = np.sum(wanted.astype(np.float64) ** 2, axis=axes, keepdims=True)
    both = np.sum(wanted.astype(np.float64) * found, axis=axes, keepdims=True)
    gains: Array = np.where((power > 0) & (both > 0), both / np.maximum(power, 1e-300), 1.0).astype(np.float32)
    return gains
