"""TfIdf: how often each of some known sequences of numbers (n-grams) is in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.records import dataclass

__all__ = ["TfIdf"]

_MODES = ("TF", "IDF", "TFIDF")
_STRINGS = (
    "it counts strings that the model makes; the device has no strings; make tokens (numbers) on the host, and export "
    "the model with pool_int64s behind that"
)


@dataclass(frozen=True)
class TfIdf(Operator):
    """float32 (N, width): of each row of x (N, length), how many of its n-grams belong to a column.

    `pool` (elements,) has all n-grams in a row, by their lengths; those of length n begin at `starts[n - 1]`.
    `places` (n-grams,) has the column of each. An n-gram may leave out up to `skips` elements between any two of its
    own, the same number everywhere. Lengths go from `shortest` to `longest`.
    """

    starts: tuple[int, ...]
    width: int
    shortest: int
    longest: int
    skips: int = 0

    def infer(self, x: TensorType, pool: TensorType, places: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 2 or x.dtype not in ("int32", "int64"):
            raise ShapeError(f"needs rows of integers, found {x}")
        if not 1 <= self.shortest <= self.longest <= len(self.starts) or self.skips < 0:
            raise ShapeError(f"finds no lengths {self.shortest} to {self.longest} in a pool that has {self.starts}")
        self._check(pool, places)
        return (TensorType("float32", (x.shape[0], self.width)),)

    def _check(self, pool: TensorType, places: TensorType) -> None:
        """ShapeError unless the pool divides into n-grams, and each has a column."""
        if pool.value is None or places.value is None or pool.rank != 1 or places.rank != 1:
            raise ShapeError(f"its n-grams {pool} and columns {places} must be constant lists")
        edges = [*self.starts, pool.value.size]
        lengths = [end - start for start, end in pairwise(edges)]
        if edges[0] != 0 or any(length < 0 or length % n for n, length in enumerate(lengths, start=1)):
            raise ShapeError(f"its pool of {pool.value.size} elements does not divide into n-grams at {self.starts}")
        count = sum(length // n for n, length in enumerate(lengths, start=1))
        known = places.value
        if known.size != count or bool(((known < 0) | (known >= self.width)).any()):
            raise ShapeError(f"it has {count} n-grams, and {known.size} places for them in {self.width} columns")

    def run(self, x: Array, pool: Array, places: Array) -> Array:
        vocabulary = np.unique(pool)
        tokens, first = _numbers(x, vocabulary), np.arange(len(x))[:, None] * self.width
        total = np.zeros(len(x) * self.width, np.int64)
        for grams, columns in self._grams(_numbers(pool, vocabulary), places):
            n = grams.shape[1]
            widest = (tokens.shape[1] - 1) // (n - 1) if n > 1 else tokens.shape[1]
            for step in range(1, min(self.skips + 1 if n > 1 else 1, widest) + 1):
                windows = tokens.shape[1] - (n - 1) * step
                parts = np.stack([tokens[:, k * step : k * step + windows] for k in range(n)], axis=-1)
                column = _columns(parts, grams, columns, len(vocabulary))
                total += np.bincount((first + column)[column >= 0], minlength=total.size)
        return total.reshape(len(x), self.width).astype(np.float32)

    def _grams(self, pool: Array, places: Array) -> Iterator[tuple[Array, Array]]:
        """The n-grams (count, n) of every length that is looked for, and their columns."""
        begin = 0
        for n, (start, end) in enumerate(pairwise([*self.starts, pool.size]), start=1):
            grams = pool[start:end].reshape(-1, n)
            if self.shortest <= n <= self.longest and len(grams):
                yield grams, places[begin : begin + len(grams)]
            begin += len(grams)


def _numbers(x: Array, known: Array) -> Array:
    """Where elements are among the sorted `known`; -1 for those that are not."""
    if not known.size:
        return np.full(x.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(known, x), known.size - 1)
    return np.where(known[place] == x, place, -1)


def _columns(parts: Array, grams: Array, columns: Array, words: int) -> Array:
    """The column of each of `parts` (..., n); -1 where it is none of `grams` (count, n). Both are numbers of words.

    Beginnings are numbered, longer and longer ones, so that no number is larger than beginnings times words.
    """
    found, known, count = parts[..., 0], grams[:, 0], words
    for k in range(1, grams.shape[1]):
        beginnings, known = np.unique(known * words + grams[:, k], return_inverse=True)
        is_known = (found >= 0) & (parts[..., k] >= 0)
        found = np.where(is_known, _numbers(found * words + parts[..., k], beginnings), -1)
        count = len(beginnings)
    table = np.full(count, -1, np.int64)
    table[known[::-1]] = columns[::-1]
    return np.where(found >= 0, table[found], -1)


@onnx_rule("TfIdfVectorizer", since=9)
def import_tf_idf_vectorizer(
    x: Ref,
    *,
    mode: str,
    min_gram_length: int,
    max_gram_length: int,
    max_skip_count: int,
    ngram_counts: Sequence[int],
    ngram_indexes: Sequence[int],
    pool_int64s: Sequence[int] = (),
    pool_strings: Sequence[str] = (),
    weights: Sequence[float] = (),
) -> Expr:
    """Of integers, or of strings that the importer has numbered. Weights belong to n-grams, and so to their columns."""
    if pool_strings:
        raise Unsupported(_STRINGS)
    if mode not in _MODES or x.type.rank not in (1, 2):
        raise ShapeError(
            f"needs one of the modes {', '.join(_MODES)}, and one or two dimensions, found {mode}, {x.type}"
        )
    columns = max(ngram_indexes, default=-1) + 1
    operator = TfIdf(tuple(ngram_counts), columns, min_gram_length, max_gram_length, max_skip_count)
    rows = x if x.type.rank == 2 else reshape_to(x, x.type.shape, (1, x.type.shape[0]))
    found: Expr = operator(rows, np.array(pool_int64s, np.int64), np.array(ngram_indexes, np.int64))
    if mode == "IDF":
        found = Clamp(high=1.0)(found)
    if mode != "TF" and weights:
        if len(weights) != len(ngram_indexes):
            raise ShapeError(f"it has {len(weights)} weights for {len(ngram_indexes)} n-grams")
        factors = np.zeros(columns, np.float32)
        factors[list(ngram_indexes)] = weights
        found = Mul()(found, factors)
    return found if x.type.rank == 2 else reshape_to(found, (1, columns), (columns,))
