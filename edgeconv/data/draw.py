"""Random samples: they show that a model runs and how close int8 stays to float, never how accurate it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.data.checks import feed_dtype
from edgeconv.data.source import RANDOM_NOTE, Batch, DataSource
from edgeconv.errors import DataError

__all__ = ["RandomSource", "parse_random"]

_MAX_SEED = 2**32


class RandomSource(DataSource):
    """`count` samples drawn from `seed`; sample i is the same whatever the count and the batch size.

    Floats and quantized inputs: standard normal. 8-bit integers: all values. Wider integers, which mostly are indices
    or masks: 0 or 1. Where the model fixes axis 0 at more than one row, a sample is one whole set of inputs.
    """

    is_random = True

    def __init__(self, count: int, seed: int, inputs: Mapping[str, TensorType]) -> None:
        super().__init__(f"random:{count}:{seed}", inputs, count, False)
        self._count, self.seed = count, seed
        self._is_whole = any(not _one_row(known) for known in inputs.values())
        self._shapes = {name: _sample_shape(name, known) for name, known in inputs.items()}

    def pieces(self, size: int) -> Iterator[Batch]:
        """Batches of `size` rows, or one whole set of inputs at a time."""
        step = 1 if self._is_whole else size
        for start in range(0, self._count, step):
            indices = range(start, min(start + step, self._count))
            arrays = {
                name: self._sample(position, start) if self._is_whole else self._rows(position, indices)
                for position, name in enumerate(self.inputs)
            }
            yield Batch(arrays, None, len(indices), self._is_whole)

    def describe(self) -> str:
        """One line for people, with the warning that belongs to random data."""
        return f"{super().describe()} ({RANDOM_NOTE})"

    def _rows(self, position: int, indices: range) -> Array:
        first = self._sample(position, indices[0])
        rows = np.empty((len(indices), *first.shape[1:]), first.dtype)
        rows[0] = first[0]
        for row, index in enumerate(indices[1:], start=1):
            rows[row] = self._sample(position, index)[0]
        return rows

    def _sample(self, position: int, index: int) -> Array:
        name = list(self.inputs)[position]
        shape, known = self._shapes[name], self.inputs[name]
        generator = np.random.default_rng((self.seed, index, position))
        dtype = feed_dtype(known)
        if dtype.kind == "f":
            return generator.standard_normal(shape, np.float32).astype(dtype, copy=False)
        if dtype.itemsize == 1 and dtype.kind in "iu":
            return np.frombuffer(generator.bytes(int(np.prod(shape, dtype=int))), dtype).reshape(shape)
        return generator.integers(0, 2, shape).astype(dtype)


def parse_random(text: str) -> tuple[int, int]:
    """Count and seed of `random:N` or `random:N:SEED`; DataError for anything else."""
    fields = text.split(":")[1:]
    numbers = [int(field) for field in fields if field.isascii() and field.isdecimal()]
    if len(numbers) != len(fields) or not 1 <= len(numbers) <= 2 or numbers[-1] >= _MAX_SEED:
        raise DataError(f"{text!r} is not understood; expected random:N or random:N:SEED, such as random:64:0")
    return numbers[0], numbers[1] if len(numbers) == 2 else 0


def _one_row(known: TensorType) -> bool:
    """True where one row along axis 0 is an input that the model takes."""
    return known.rank > 0 and (not isinstance(known.shape[0], int) or known.shape[0] == 1)


def _sample_shape(name: str, known: TensorType) -> tuple[int, ...]:
    shape = tuple(1 if axis == 0 and not isinstance(dim, int) else dim for axis, dim in enumerate(known.shape))
    fixed = tuple(dim for dim in shape if isinstance(dim, int))
    if len(fixed) != len(shape):
        raise DataError(
            f"random data needs a known shape, but input {name!r} is {known}; give samples of your own, or fix it "
            "with --input-shape, which convert, calibrate, inspect and bench know"
        )
    return fixed
