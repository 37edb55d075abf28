"""TfIdfVectorizer on integers: lengths, skips, weights, modes, one dimension; ONNX Runtime judges what is weighted.

The reference evaluator takes weights by column. By the specification, and in ONNX Runtime, they belong to n-grams.
"""

from __future__ import annotations

import numpy as np

from tests.harness import Case

ROWS = np.array([[1, 1, 3, 3, 3, 7], [8, 6, 7, 5, 6, 8], [2, 3, 5, 6, 7, 9]], np.int64)
POOL = {"pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7], "ngram_counts": [0, 4], "ngram_indexes": [0, 5, 2, 3, 4, 1, 6]}
TRIPLES = {
    "pool_int64s": [6, 3, 7, 1, 3, 5, 6, 7, 1, 1, 3, 1, 3, 3, 3, 3, 3],
    "ngram_counts": [0, 2, 8],
    "ngram_indexes": [7, 0, 1, 2, 3, 4, 5, 6],
}


def _case(name: str, x: np.ndarray, lengths: tuple[int, int], skips: int = 0, mode: str = "TF", **more: object) -> Case:
    fields = {"min_gram_length": lengths[0], "max_gram_length": lengths[1], "max_skip_count": skips, "mode": mode}
    return Case(name, "TfIdfVectorizer", (x,), fields | more, judge="onnx" if mode == "TF" else "onnxruntime")


WEIGHTS = {"weights": [0.5, 2.0, -1.0, 3.0, 0.25, 1.5, 4.0]}
CASES = [
    _case("words", ROWS, (1, 1), **POOL),
    _case("pairs", ROWS, (2, 2), **POOL),
    _case("pairs_with_skips", ROWS, (2, 2), 5, **POOL),
    _case("words_and_pairs", ROWS, (1, 2), 1, **POOL),
    _case("triples", ROWS, (1, 3), 1, **TRIPLES),
    _case("triples_only", ROWS, (3, 3), 0, **TRIPLES),
    _case("int32", ROWS.astype(np.int32), (1, 2), **POOL),
    _case("one_row", ROWS[1], (1, 2), 5, **POOL),
    _case("short_rows", ROWS[:, :1], (1, 2), **POOL),
    _case("idf", ROWS, (1, 2), 1, "IDF", **POOL, **WEIGHTS),
    _case("idf_without_weights", ROWS, (1, 2), 1, "IDF", **POOL),
    _case("tf_idf", ROWS, (1, 2), 1, "TFIDF", **POOL, **WEIGHTS),
    _case("shared_columns", ROWS, (1, 1), 0, "TFIDF", pool_int64s=[3, 6, 7], ngram_counts=[0], ngram_indexes=[1, 1, 0]),
]
