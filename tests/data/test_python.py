"""Samples from Python: lists, generators, functions; and random ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edgeconv.core import QParams, TensorType
from edgeconv.data import open_data
from edgeconv.errors import DataError
from tests.data.models import H, N, image_input, vector_input

ONE = np.array([1.0, 2.0, 3.0])


def rows(source: Any, size: int = 2) -> list[list[list[float]]]:
    return [batch.inputs["x"].tolist() for batch in open_data(source, vector_input()).batches(size)]


def test_a_list_of_single_samples() -> None:
    assert rows([ONE, ONE + 1, ONE + 2]) == [[[1, 2, 3], [2, 3, 4]], [[3, 4, 5]]]


def test_a_list_of_batches_of_any_size() -> None:
    assert rows([np.stack([ONE] * 3), ONE[None]], 4) == [[[1, 2, 3]] * 4]
    assert rows([np.stack([ONE] * 5)], 4) == [[[1, 2, 3]] * 4, [[1, 2, 3]]]


def test_dicts_with_labels() -> None:
    items = [{"x": ONE, "labels": 7}, {"x": np.stack([ONE, ONE]), "labels": [8, 9]}]
    source = open_data(items, vector_input())
    (batch,) = source.batches(8)
    assert source.has_labels
    assert source.count is None
    assert batch.labels is not None and batch.labels.tolist() == [7, 8, 9]


def test_a_generator_is_kept_and_a_function_is_called_again() -> None:
    calls = []

    def make() -> Iterator[np.ndarray]:
        calls.append(1)
        yield from (ONE, ONE)

    for given in (make(), make):
        source = open_data(given, vector_input())
        assert [batch.count for batch in source.batches(8)] == [2]
        assert [batch.count for batch in source.batches(1)] == [1, 1]
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "the samples: no samples; give at least one"),
        (iter(()), "the samples: no samples"),
        ([(ONE, 1)], "item 0: 'x' is a tuple; give arrays, or dicts such as {'x': x, 'labels': y}"),
        ([[ONE, 1]], r"item 0: 'x' makes no array"),
        ([ONE, ONE[:2]], r"item 1: array 'x' has shape \[1,2\], .*: axis 1 is 2, expected 3"),
        ([ONE, ONE * np.nan], "item 1: array 'x' holds NaN in sample 0"),
        ([{"x": ONE, "labels": 1}, {"x": ONE}], "item 1: labels missing, unlike in item 0; label all items or none"),
        (["a.npz"], "item 0: array 'x' has shape"),
    ],
)
def test_items_that_do_not_fit(items: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(items)


def test_random_samples_depend_on_seed_and_place_alone() -> None:
    def draw(text: str, size: int) -> np.ndarray:
        source = open_data(text, image_input(3, 8, 8))
        return np.concatenate([batch.inputs["input"] for batch in source.batches(size)])

    few, many = draw("random:5", 5), draw("random:50:0", 7)
    assert (few.shape, few.dtype.name) == ((5, 3, 8, 8), "float32")
    np.testing.assert_array_equal(few, many[:5])
    assert abs(float(many.mean())) < 0.05
    assert abs(float(many.std()) - 1) < 0.05
    assert not np.array_equal(few, draw("random:5:1", 5))


def test_random_data_says_so() -> None:
    source = open_data("random:3", vector_input())
    assert (source.is_random, source.count, source.has_labels) == (True, 3, False)
    assert source.describe() == "random:3:0: 3 samples (random data: not an accuracy claim)"


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("int64", 0, 1), ("bool", 0, 1), ("uint8", 0, 255), ("int8", -128, 127)]
)
def test_random_integers(dtype: str, low: int, high: int) -> None:
    (batch,) = open_data("random:20", vector_input(1000, dtype)).batches(20)
    found = batch.inputs["x"]
    assert (found.dtype.name, int(found.min()), int(found.max())) == (dtype, low, high)


def test_random_reals_for_a_quantized_input() -> None:
    inputs = {"x": TensorType("int8", (1, 4), QParams.per_tensor(0.1, 0))}
    assert next(open_data("random:2", inputs).batches(1)).inputs["x"].dtype == np.float32


def test_random_whole_inputs_where_axis_0_is_fixed() -> None:
    inputs = {
        "x": TensorType("float32", (28, 1, 4)),
        "limit": TensorType("float32", ()),
        "y": TensorType("bool", (N, 2)),
    }
    batches = list(open_data("random:3", inputs).batches(8))
    assert [{name: array.shape for name, array in batch.inputs.items()} for batch in batches] == [
        {"x": (28, 1, 4), "limit": (), "y": (1, 2)}
    ] * 3
    assert all(batch.is_whole for batch in batches)


@pytest.mark.parametrize(
    "text", ["random:", "random:x", "random:5:", "random:1:2:3", "random:-1", "random:1:99999999999"]
)
def test_random_misspelt(text: str) -> None:
    with pytest.raises(DataError, match="expected random:N or random:N:SEED, such as random:64:0"):
        open_data(text, vector_input())


def test_random_needs_samples_and_a_shape() -> None:
    with pytest.raises(DataError, match="no samples"):
        open_data("random:0", vector_input())
    with pytest.raises(
        DataError, match=r"input 'input' is float32\[N,3,h,5\]; give samples of your own, or fix it with --input-shape"
    ):
        open_data("random:5", image_input(3, H, 5))
