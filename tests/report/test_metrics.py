"""Metrics against formulas written out here, in one batch and in many."""

from __future__ import annotations

from math import inf, isnan, log10

import numpy as np
import pytest

from edgeconv.errors import DataError
from edgeconv.report.metrics import Agreement, Fidelity, TopK, has_classes

RNG = np.random.default_rng(7)
SCORES = RNG.normal(size=(50, 9)).astype(np.float32)
LABELS = RNG.integers(0, 9, 50)


def hits(k: int) -> int:
    return sum(label in sorted(range(9), key=lambda c: -row[c])[:k] for row, label in zip(SCORES, LABELS, strict=True))


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_top_k(k: int, size: int) -> None:
    metric = TopK(k)
    for start in range(0, 50, size):
        metric.add(SCORES[start : start + size], LABELS[start : start + size])
    assert metric.value == hits(k) / 50


def test_ties_count_in_the_order_of_the_classes() -> None:
    metric = TopK(1)
    metric.add(np.array([[3, 3, 1], [3, 3, 1]], np.int8), np.array([0, 1]))
    assert metric.value == 0.5


@pytest.mark.parametrize(
    ("k", "right", "total", "is_told"),
    [(1, 13, 100, True), (1, 20, 100, False), (5, 13, 100, True), (5, 61, 100, False), (1, 0, 10, False)],
)
def test_no_better_than_guessing_is_told_where_there_are_samples_enough(
    k: int, right: int, total: int, is_told: bool
) -> None:
    """Of 10 classes: 10 ± 3 of a hundred by chance, 50 ± 5 among the first five."""
    scores = np.tile(np.arange(10.0)[::-1], (total, 1))
    metric = TopK(k)
    metric.add(scores, np.array([0] * right + [9] * (total - right)))
    assert bool(metric.guesses) == is_told


def test_not_a_number_is_no_hit() -> None:
    metric = TopK(1)
    metric.add(np.array([[np.nan, 0.0]]), np.array([0]))
    assert metric.value == 0


@pytest.mark.parametrize("shape", [(50, 9, 1, 1), (50, 1, 9)])
def test_dimensions_of_one_do_not_matter(shape: tuple[int, ...]) -> None:
    metric = TopK(1)
    metric.add(SCORES.reshape(shape), LABELS)
    assert metric.value == hits(1) / 50


def test_dense_prediction() -> None:
    scores = RNG.normal(size=(2, 3, 4, 5))
    labels = scores.argmax(axis=1)
    labels[0, 0, 0] = (labels[0, 0, 0] + 1) % 3
    metric = TopK(1)
    metric.add(scores, labels)
    assert metric.value == 39 / 40


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        (SCORES, LABELS[:3], "do not fit"),
        (SCORES[:, :1], LABELS, "one class only"),
        (SCORES, LABELS + 9, "9 classes"),
        (SCORES, LABELS - 9, "count from 0"),
    ],
)
def test_labels_that_do_not_fit(scores: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        TopK(1).add(scores, labels)


def test_agreement() -> None:
    metric = Agreement()
    other = SCORES.copy()
    other[:5] *= -1
    metric.add(SCORES[:20], other[:20])
    metric.add(SCORES[20:], other[20:])
    assert metric.value == np.mean(SCORES.argmax(1) == other.argmax(1))


def test_nothing_measured_is_not_a_number() -> None:
    assert isnan(TopK(1).value)
    assert isnan(Agreement().value)
    assert isnan(Fidelity("y").value.mse)


def test_fidelity() -> None:
    noisy = SCORES + np.float32(0.01)
    metric = Fidelity("y")
    for start in range(0, 50, 8):
        metric.add(SCORES[start : start + 8], noisy[start : start + 8])
    found = metric.value
    error = noisy.astype(float) - SCORES
    assert found.sqnr == pytest.approx(10 * log10((SCORES.astype(float) ** 2).sum() / (error**2).sum()), rel=1e-12)
    assert found.mse == pytest.approx((error**2).mean(), rel=1e-12)
    assert found.largest_error == np.abs(error).max()


def test_equal_outputs_are_infinitely_close() -> None:
    metric = Fidelity("y")
    metric.add(SCORES, SCORES)
    assert metric.value.sqnr == inf


def test_noise_where_the_reference_is_silent() -> None:
    metric = Fidelity("y")
    metric.add(np.zeros(3), np.ones(3))
    assert metric.value.sqnr == -inf


def test_what_is_no_number_on_both_sides_is_no_error() -> None:
    metric = Fidelity("y")
    metric.add(np.array([1.0, np.nan, 2.0, inf]), np.array([1.0, np.nan, 2.5, inf]))
    assert (metric.value.sqnr, metric.value.largest_error) == (pytest.approx(10 * log10(5 / 0.25)), 0.5)


@pytest.mark.parametrize("found", [np.nan, inf, -inf])
def test_what_is_no_number_on_one_side_is_without_bounds(found: float) -> None:
    metric = Fidelity("y")
    metric.add(np.array([1.0, 2.0]), np.array([1.0, found]))
    assert (metric.value.sqnr, metric.value.mse, metric.value.largest_error) == (-inf, inf, inf)


def test_outputs_of_another_shape() -> None:
    with pytest.raises(DataError, match="same network"):
        Fidelity("y").add(SCORES, SCORES[:, :3])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 3), True), ((5, 3, 1, 1), True), ((5, 1), False), ((5, 30, 1), False), ((5, 3, 2, 2), False), ((5,), False)],
)
def test_what_looks_like_classes(shape: tuple[int, ...], expected: bool) -> None:
    assert has_classes(np.zeros(shape)) is expected
