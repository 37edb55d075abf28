"""Products in parts that BLAS has small kernels for: the same integers, whatever the shapes; and few calls."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.ops import jobs

SHAPES = {
    # M, K, N: how it is cut
    (20, 30, 40): "whole",
    (300, 97, 209): "rows",
    (96, 577, 209): "columns",
    (24, 144, 3136): "columns",
    (512, 2305, 49): "few rows",
    (200, 4608, 49): "terms",
    (256, 1153, 209): "whole",
    (24, 512, 1024): "whole",  # columns that lie in the same places of the cache
}


@pytest.fixture(autouse=True)
def small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "has_small_products", lambda: True)


def integers(*shape: int) -> Array:
    return np.random.default_rng(len(shape) + sum(shape)).integers(-9, 10, shape).astype(np.float32)


def way(made: list[object], left: Array, right: Array) -> str:
    """How the product was cut, by the shapes of its first part."""
    first = made[0].args  # type: ignore[attr-defined]  # a partial of np.matmul
    if len(made) > 2:
        return "terms"
    if first[0].ndim == left.ndim:
        return "whole"
    rows = first[0].shape[-2]
    return "columns" if rows == left.shape[-2] else "rows" if rows >= 12 else "few rows"


@pytest.mark.parametrize("lead", [(), (1,), (3,)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_way_gives_the_same_integers(shape: tuple[int, int, int], lead: tuple[int, ...]) -> None:
    rows, terms, columns = shape
    left, right = integers(*lead, rows, terms), integers(*lead, terms, columns)
    wide = np.full((*lead, rows, columns + 7), np.nan, np.float32)
    out, work = wide[..., 3:-4], np.empty((*lead, rows, columns), np.float32)
    made = jobs.matmul(left, right, out, lambda: work)
    assert way(list(made), left, right) == SHAPES[shape]
    for job in made:
        job()
    np.testing.assert_array_equal(out, left.astype(np.int64) @ right.astype(np.int64))
    assert np.isnan(wide[..., :3]).all()
    assert np.isnan(wide[..., -4:]).all()


def test_no_part_is_larger_than_the_kernels_take() -> None:
    for rows, terms, columns in SHAPES:
        made = jobs.matmul(np.empty((rows, terms), np.float32), np.empty((terms, columns), np.float32),
                           np.empty((rows, columns), np.float32), lambda: np.empty((1, 1), np.float32))  # fmt: skip
        sizes = [job.args[0].shape[-2:] + job.args[1].shape[-1:] for job in made if job.func is np.matmul]  # type: ignore[attr-defined]  # partials
        assert len(sizes) == 1 or max(m * k * n for m, k, n in sizes) <= 1_000_000


def test_without_such_kernels_and_in_float64_it_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = [np.zeros(shape) for shape in ((300, 97), (97, 209), (300, 209))]
    assert len(jobs.matmul(*arrays)) == 1
    monkeypatch.setattr(jobs, "has_small_products", lambda: False)
    assert len(jobs.matmul(*(array.astype(np.float32) for array in arrays))) == 1
