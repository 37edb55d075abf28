"""Metrics that accumulate batch by batch: memory does not grow with the number of samples.

Scores are laid out as (samples, classes) or, for dense prediction, (samples, classes, *places).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import nan, sqrt

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import DataError
from edgeconv.report.accuracy import Flip, Flips, OutputFidelity
from edgeconv.report.layer_sums import apart, decibels, finite

__all__ = ["Agreement", "Fidelity", "FlipCounts", "TopK", "has_classes"]

_FLIPS = 100
_FEW = 20
"""Decisions from which a share of hits tells a network that knows something from guessing."""


class TopK:
    """Share of decisions whose label is among the `k` highest scores. Ties count in the order of the classes."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._hits = self._total = self._classes = 0

    def add(self, scores: Array, labels: Array) -> None:
        """Take in one batch of scores and their integer labels."""
        rows, wanted = _decisions(scores, labels)
        own = np.take_along_axis(rows, wanted[:, None], axis=1)
        earlier = np.arange(rows.shape[1]) < wanted[:, None]
        rank = np.count_nonzero((rows > own) | ((rows == own) & earlier), axis=1)
        self._hits += int(np.count_nonzero((rank < self._k) & ~np.isnan(own[:, 0])))
        self._total += len(wanted)
        self._classes = rows.shape[1]

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self._hits / self._total if self._total else nan

    @property
    def guesses(self) -> str:
        """What to say where the share is at most two standard errors above that of guessing; "" where it is more."""
        chance = min(self._k / max(self._classes, 1), 1.0)
        if self._total < _FEW or self.value > chance + 2 * sqrt(chance * (1 - chance) / self._total):
            return ""
        return (
            f"right on {100 * self.value:.1f} %, and guessing among {self._classes} classes is on {100 * chance:.1f} %"
        )


class Agreement:
    """Share of decisions in which two models put the same class first."""

    def __init__(self) -> None:
        self._same = self._total = 0

    def add(self, reference: Array, candidate: Array) -> None:
        """Take in one batch of both models' scores."""
        first, second = (_rows(scores, scores.ndim > 2).argmax(axis=1) for scores in (reference, candidate))
        self._same += int(np.count_nonzero(first == second))
        self._total += first.size

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self._same / self._total if self._total else nan


class FlipCounts:
    """Which classes two models put first where they differ. Memory grows with the classes, not with the samples."""

    def __init__(self) -> None:
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._lost: Counter[tuple[int, int]] = Counter()
        self._gained: Counter[tuple[int, int]] = Counter()
        self._decisions = self._classes = 0
        self._has_labels = False

    def add(self, reference: Array, candidate: Array, labels: Array | None = None) -> None:
        """Take in one batch of both models' scores."""
        rows = [_rows(scores, scores.ndim > 2) for scores in (reference, candidate)]
        before, after = (each.argmax(axis=1) for each in rows)
        self._decisions += before.size
        self._classes = rows[0].shape[1]
        differ = np.flatnonzero(before != after)
        pairs = list(zip(before[differ].tolist(), after[differ].tolist(), strict=True))
        self._pairs.update(pairs)
        if labels is None or labels.size != before.size:
            return
        self._has_labels = True
        for pair, truth in zip(pairs, labels.reshape(-1)[differ].tolist(), strict=True):
            self._lost[pair] += pair[0] == truth
            self._gained[pair] += pair[1] == truth

    @property
    def value(self) -> Flips:
        """The most frequent pairs first, a hundred at most."""
        pairs = sorted(self._pairs.items(), key=lambda item: (-item[1], item[0]))[:_FLIPS]
        known = self._has_labels
        return Flips(
            self._classes,
            self._decisions,
            self._pairs.total(),
            self._lost.total() if known else None,
            self._gained.total() if known else None,
            tuple(
                Flip(*pair, count, self._lost[pair] if known else None, self._gained[pair] if known else None)
                for pair, count in pairs
            ),
        )


class Fidelity:
    """How far one output of a candidate is from the reference's, as sums over all elements seen."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._signal = self._noise = self._largest = 0.0
        self._elements = 0

    def add(self, reference: Array, candidate: Array) -> None:
        """Take in one batch."""
        if reference.shape != candidate.shape:
            raise DataError(
                f"output {self._name!r} has shape {_shown(candidate)}, the reference's has {_shown(reference)}; "
                "are they the same network?"
            )
        noise = apart(reference.astype(np.float64), candidate.astype(np.float64))
        signal = finite(reference.astype(np.float64))
        self._signal += float(np.sum(signal * signal))
        self._noise += float(np.sum(noise * noise))
        self._largest = max(self._largest, float(np.abs(noise).max(initial=0.0)))
        self._elements += reference.size

    @property
    def value(self) -> OutputFidelity:
        """SQNR = 10 log10(sum(reference^2) / sum((reference - candidate)^2)) in dB, infinite for equal outputs."""
        mse = self._noise / self._elements if self._elements else nan
        return OutputFidelity(self._name, decibels(self._signal, self._noise), mse, self._largest)


def has_classes(scores: Array) -> bool:
    """True for outputs that look like one score per class: (samples, classes), or (samples, classes, 1, 1)."""
    return scores.ndim in (2, 4) and scores.shape[1] > 1 and scores.size == scores.shape[0] * scores.shape[1]


def _rows(scores: Array, dense: bool) -> Array:
    """(decisions, classes): one decision per sample, or per place of a dense prediction."""
    if not dense:
        return scores.reshape(len(scores), -1)
    return np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def _decisions(scores: Array, labels: Array) -> tuple[Array, Array]:
    dense = labels.ndim > 1 and labels.shape == (scores.shape[0], *scores.shape[2:])
    rows, wanted = _rows(scores, dense), labels.reshape(-1)
    if len(rows) != len(wanted):
        raise DataError(f"labels of shape {_shown(labels)} do not fit scores of shape {_shown(scores)}")
    if rows.shape[1] < 2:
        raise DataError(f"scores of shape {_shown(scores)} hold one class only; use --metric sqnr or mse instead")
    if wanted.size and not 0 <= int(wanted.min()) <= int(wanted.max()) < rows.shape[1]:
        raise DataError(
            f"the labels go from {wanted.min()} to {wanted.max()}, but the model has {rows.shape[1]} classes; "
            "labels count from 0"
        )
    return rows, wanted.astype(np.int64)


def _shown(array: Array) -> Sequence[int]:
    return list(array.shape)
