"""Holding samples out: evenly, the same ones however they are read, none twice."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.data import open_data
from edgeconv.data.source import DataSource
from edgeconv.data.split import split
from edgeconv.errors import UsageError
from tests.data.models import N

TYPES = {"x": TensorType("float32", (N, 1))}


def _source(samples: int) -> DataSource:
    return open_data({"x": np.arange(samples, dtype=np.float32)[:, None], "labels": np.arange(samples)}, TYPES)


def _numbers(source: DataSource, size: int) -> list[int]:
    batches = list(source.batches(size))
    for batch in batches:
        assert batch.labels is not None
        np.testing.assert_array_equal(batch.labels, batch.inputs["x"][:, 0])
        assert batch.count == len(batch.labels)
    return [int(label) for batch in batches for label in (batch.labels if batch.labels is not None else ())]


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize(("share", "held"), [(0.5, [1, 3, 5, 7, 9]), (0.25, [3, 7]), (0.3, [3, 6, 9])])
def test_samples_are_held_out_evenly(size: int, share: float, held: list[int]) -> None:
    others, kept_back = split(_source(10), share)
    assert _numbers(kept_back, size) == held
    assert _numbers(others, size) == [number for number in range(10) if number not in held]
    assert (others.count, kept_back.count) == (10 - len(held), len(held))
    assert others.has_labels
    assert kept_back.has_labels


@pytest.mark.parametrize(("share", "message"), [(0.0, "more than 0"), (1.0, "less than 1"), (0.05, "give more")])
def test_what_leaves_nothing_is_refused(share: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split(_source(10), share)
