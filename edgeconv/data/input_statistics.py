"""Statistics of a model's inputs, to tell whether two sets of samples were prepared alike.

Wrong preprocessing (0..255 for 0..1, no mean subtracted) is the commonest cause of a bad result, and shows here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import isfinite, nan, sqrt

import numpy as np

from edgeconv.core import Array, TensorType, dequantize
from edgeconv.data.source import Batch

__all__ = [
    "CALIBRATION_INPUTS",
    "FIRST_LAYERS",
    "InputFacts",
    "InputStatistics",
    "facts_from_json",
    "facts_to_json",
    "mismatch",
]

CALIBRATION_INPUTS = "calibration.inputs"
"""Metadata key: JSON, the InputFacts of every input on the calibration samples."""
FIRST_LAYERS = "calibration.first_layers"
"""Metadata key: the same of the first layers' outputs."""

_DIGITS = 6
_SHIFT, _RATIO, _FOR_FEW = 0.75, 2.0, 2.0
"""Tolerated shift of the mean, in standard deviations, and ratio of deviations; both plus _FOR_FEW / sqrt(samples)."""


@dataclass(frozen=True)
class InputFacts:
    """Mean, standard deviation, minimum and maximum of an input's elements, as real numbers."""

    name: str
    mean: float
    std: float
    min: float
    max: float


class InputStatistics:
    """Running sums over batches; parts merged in any order give the same bits, memory is constant."""

    def __init__(self, types: Mapping[str, TensorType]) -> None:
        self._sums = {name: _Sums(known) for name, known in types.items() if known.dtype != "bool"}

    def add(self, batch: Batch) -> None:
        """Take in the inputs of a batch."""
        for name, sums in self._sums.items():
            sums.add(batch.inputs[name])

    def merged(self, other: InputStatistics) -> InputStatistics:
        """What both have seen of the same inputs."""
        both = InputStatistics({})
        both._sums = {name: sums.merged(other._sums[name]) for name, sums in self._sums.items()}
        return both

    def facts(self) -> tuple[InputFacts, ...]:
        """What was seen, for every input that had an element."""
        return tuple(sums.facts(name) for name, sums in self._sums.items() if sums.count)

    def state(self) -> dict[str, tuple[str, ...]]:
        """Input name -> everything that was seen of it, exactly, for `of_state`."""
        return {name: sums.state() for name, sums in self._sums.items()}

    @staticmethod
    def of_state(state: Mapping[str, Sequence[str]]) -> InputStatistics:
        """What `state` tells; ValueError for what it cannot be."""
        found = InputStatistics({})
        found._sums = {name: _Sums.of_state(each) for name, each in state.items()}
        return found


class _Sums:
    """Sums over the elements of one input. The sum of a batch is rounded; over batches sums are exact."""

    def __init__(self, known: TensorType | None = None) -> None:
        self._known = known
        self.count, self._sum, self._squares = 0, Fraction(), Fraction()
        self._low, self._high = np.inf, -np.inf

    def add(self, array: Array) -> None:
        q = self._known.q if self._known is not None and array.dtype.name == self._known.dtype else None
        real = array if q is None else dequantize(array, q)
        flat = real.reshape(-1).astype(np.float64)
        if self._known is not None and self._known.takes_nan:
            flat = flat[~np.isnan(flat)]
        if not flat.size:
            return
        self.count += flat.size
        self._low, self._high = _least(self._low, float(flat.min())), -_least(-self._high, -float(flat.max()))
        self._sum += Fraction(float(np.nan_to_num(flat.sum())))
        self._squares += Fraction(float(np.nan_to_num(flat @ flat)))

    def merged(self, other: _Sums) -> _Sums:
        both = _Sums(self._known)
        both.count, both._sum, both._squares = (
            self.count + other.count,
            self._sum + other._sum,
            self._squares + other._squares,
        )
        both._low, both._high = _least(self._low, other._low), -_least(-self._high, -other._high)
        return both

    def facts(self, name: str) -> InputFacts:
        if not (isfinite(self._low) and isfinite(self._high)):
            return InputFacts(name, nan, nan, self._low, self._high)
        mean = float(self._sum / self.count)
        std = sqrt(max(float(self._squares / self.count) - mean * mean, 0.0))
        return InputFacts(name, *(float(f"{value:.{_DIGITS}g}") for value in (mean, std, self._low, self._high)))

    def state(self) -> tuple[str, ...]:
        sums = (f"{each.numerator:x}/{each.denominator:x}" for each in (self._sum, self._squares))
        return str(self.count), *sums, repr(self._low), repr(self._high)

    @staticmethod
    def of_state(state: Sequence[str]) -> _Sums:
        count, total, squares, low, high = state
        found = _Sums()
        found.count, found._sum, found._squares = int(count), _fraction(total), _fraction(squares)
        found._low, found._high = float(low), float(high)
        return found


def _fraction(text: str) -> Fraction:
    numerator, denominator = (int(part, 16) for part in text.split("/"))
    return Fraction(numerator, max(denominator, 1))


def _least(first: float, second: float) -> float:
    """The smaller number; NaN where one is NaN, in any order."""
    return float(np.minimum(first, second))


def facts_to_json(facts: Sequence[InputFacts]) -> str:
    """One compact line, for a file's metadata."""
    return json.dumps([asdict(each) for each in facts], separators=(",", ":"), sort_keys=True)


def facts_from_json(text: str) -> tuple[InputFacts, ...]:
    """What `facts_to_json` wrote; nothing for anything else, whatever a file may hold."""
    try:
        found = tuple(InputFacts(**each) for each in json.loads(text))
        return found if all(map(_is_sound, found)) else ()
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        return ()


def _is_sound(facts: InputFacts) -> bool:
    numbers = (facts.mean, facts.std, facts.min, facts.max)
    return isinstance(facts.name, str) and all(
        isinstance(number, (int, float)) and isfinite(number) for number in numbers
    )


def mismatch(
    calibration: Sequence[InputFacts], found: Sequence[InputFacts], samples: int, what: str = "input"
) -> tuple[str, ...]:
    """Warnings where values look prepared otherwise than those of calibration; few samples are given more leave."""
    leave = _FOR_FEW / sqrt(max(samples, 1))
    known = {each.name: each for each in calibration}
    pairs = [(known[each.name], each) for each in found if each.name in known]
    return tuple(line for before, after in pairs if (line := _difference(before, after, leave, what)))


def _difference(before: InputFacts, after: InputFacts, leave: float, what: str) -> str:
    least = max(1e-6 * max(abs(before.min), abs(before.max)), 1e-30)
    spread = max(before.std, least)
    shift, ratio = abs(after.mean - before.mean) / spread, max(after.std, least) / spread
    if shift <= _SHIFT + leave and 1 / (_RATIO + leave) <= ratio <= _RATIO + leave:
        return ""
    values = f"mean {before.mean:.4g} in calibration, {after.mean:.4g} here"
    if shift <= _SHIFT + leave:
        values = f"deviation {before.std:.4g} in calibration, {after.std:.4g} here"
    spans = f"{before.min:.4g} .. {before.max:.4g} and {after.min:.4g} .. {after.max:.4g}"
    return f"{what} {after.name!r}: {values} (values {spans}): different preprocessing?"
