"""Statistics: exact extremes, a histogram that does not depend on order or batches, constant memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeconv.quantize.statistics import HALF_BINS, Statistics

batches = st.lists(
    hnp.arrays(np.float32, (2, 5), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)),
    min_size=1,
    max_size=5,
)


def collected(parts: list[np.ndarray]) -> Statistics:
    seen = Statistics()
    for part in parts:
        seen.add(part)
    return seen


@settings(deadline=None)
@given(batches)
def test_order_and_batches_do_not_matter(parts: list[np.ndarray]) -> None:
    forward, backward = collected(parts), collected(parts[::-1])
    single = collected([part[i : i + 1] for part in parts for i in range(len(part))])
    for other in (backward, single):
        assert (forward.minimum, forward.maximum, forward.exponent) == (other.minimum, other.maximum, other.exponent)
        np.testing.assert_array_equal(forward.bins, other.bins)
        assert forward.zeros == other.zeros


@settings(deadline=None)
@given(batches)
def test_extremes_and_counts_are_exact(parts: list[np.ndarray]) -> None:
    seen, everything = collected(parts), np.concatenate(parts)
    assert seen.minimum == everything.min()
    assert seen.maximum == everything.max()
    assert seen.bins.sum() == everything.size


def test_bins_are_where_the_values_are() -> None:
    seen = collected([np.array([[-3.0, 0.0, 0.25, 1.0, 3.9]], np.float32)])
    # the largest magnitude 3.9 is below 4 = 4096 * 2**-10
    assert seen.exponent == -10
    np.testing.assert_array_equal(np.flatnonzero(seen.bins) - HALF_BINS, [-3072, 0, 256, 1024, 3993])
    assert seen.zeros == 1


def test_memory_does_not_grow_with_samples() -> None:
    seen, part = Statistics(), np.ones((4, 1000), np.float32)
    seen.add(part)
    tracemalloc.start()
    for _ in range(50):
        seen.add(part)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4096 * 3 * 8 * 2


def test_infinity_and_nan_show_in_the_extremes() -> None:
    seen = collected([np.array([[1.0, np.inf]], np.float32)])
    assert seen.maximum == np.inf
    assert np.isnan(collected([np.ones((1, 2), np.float32), np.array([[1.0, np.nan]], np.float32)]).maximum)
