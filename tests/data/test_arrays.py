"""`.npz`, `.npy` and arrays in memory: what feeds which input, and how it is cut into samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import QParams, TensorType
from edgeconv.data import DataSource, open_data
from edgeconv.errors import DataError
from tests.data.models import N, vector_input


def sizes(source: DataSource, size: int) -> list[int]:
    return [batch.count for batch in source.batches(size)]


def test_npz_gives_batches_and_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(15, dtype=np.float32).reshape(5, 3), labels=np.array([3, 1, 4, 1, 5]))
    source = open_data(tmp_path / "a.npz", vector_input())
    batches = list(source.batches(2))
    assert (source.count, source.has_labels, source.is_random) == (5, True, False)
    assert [batch.count for batch in batches] == [2, 2, 1]
    assert batches[1].inputs["x"].tolist() == [[6, 7, 8], [9, 10, 11]]
    assert batches[1].labels is not None and batches[1].labels.tolist() == [4, 1]
    assert source.describe() == f"{tmp_path / 'a.npz'}: 5 samples, with labels"


def test_a_source_is_read_as_often_as_asked(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.ones((5, 3), np.float32))
    source = open_data(str(tmp_path / "a.npz"), vector_input())
    next(source.batches(2))
    assert sizes(source, 2) == [2, 2, 1]
    assert sizes(source, 5) == [5]
    assert sizes(source, 100) == [5]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8", "int64", "bool", ">f4", ">i2"])
def test_other_numbers_feed_a_float_input(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 1], [1, 0, 1]], dtype))
    (batch,) = open_data(tmp_path / "a.npy", vector_input()).batches(8)
    assert batch.inputs["x"].dtype == np.float32
    assert batch.inputs["x"].tolist() == [[0, 1, 1], [1, 0, 1]]
    assert batch.labels is None


def test_fortran_order_is_read_right(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0, 1, 2], [3, 4, 5]], np.float32, order="F"))
    batches = list(open_data(tmp_path / "a.npy", vector_input()).batches(1))
    assert [batch.inputs["x"].tolist() for batch in batches] == [[[0, 1, 2]], [[3, 4, 5]]]


def test_fixed_batch_of_one_takes_samples_along_axis_0() -> None:
    source = open_data({"x": np.zeros((256, 1, 2, 2))}, {"x": TensorType("float32", (1, 1, 2, 2))})
    assert source.count == 256
    assert [batch.inputs["x"].shape for batch in source.batches(1)][:2] == [(1, 1, 2, 2)] * 2


def test_stack_of_inputs_with_one_row_is_a_batch() -> None:
    stack = np.arange(12, dtype=np.float32).reshape(4, 1, 3)
    (batch,) = open_data(stack, vector_input()).batches(8)
    assert batch.inputs["x"].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert (batch.count, batch.is_whole) == (4, False)


def test_stack_of_larger_inputs_comes_one_by_one() -> None:
    stack = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    batches = list(open_data({"x": stack, "labels": [[1, 2], [3, 4]]}, vector_input(batch=2)).batches(8))
    assert [batch.inputs["x"].tolist() for batch in batches] == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
    assert [batch.labels.tolist() for batch in batches if batch.labels is not None] == [[1, 2], [3, 4]]
    assert all(batch.count == 1 and batch.is_whole for batch in batches)


def test_a_scalar_input_takes_one_number_per_sample() -> None:
    inputs = {"x": TensorType("float32", (N, 2)), "limit": TensorType("float32", ())}
    first, second = open_data({"x": [[1, 2], [3, 4]], "limit": [0.5, 0.25]}, inputs).batches(8)
    assert (first.inputs["x"].tolist(), first.inputs["limit"].shape) == ([[1, 2]], ())
    assert (second.inputs["x"].tolist(), float(second.inputs["limit"])) == ([[3, 4]], 0.25)


def test_a_dict_may_hold_paths(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 3), np.float32))
    (batch,) = open_data({"x": tmp_path / "a.npy"}, vector_input()).batches(8)
    assert batch.inputs["x"].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_path_in_a_dict_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.npy: cannot be read: No such file or directory; give a file"):
        open_data({"x": tmp_path / "none.npy"}, vector_input())


def test_one_number_for_a_scalar_input() -> None:
    (batch,) = open_data({"limit": np.float32(0.5)}, {"limit": TensorType("float32", ())}).batches(8)
    assert (batch.inputs["limit"].shape, float(batch.inputs["limit"])) == ((), 0.5)


def test_quantized_input_takes_real_values_or_its_own_dtype() -> None:
    inputs = {"x": TensorType("int8", (N, 2), QParams.per_tensor(0.5, 0))}
    (real,) = open_data(np.array([[0.5, 1.0]]), inputs).batches(1)
    (raw,) = open_data(np.array([[1, 2]], np.int8), inputs).batches(1)
    assert real.inputs["x"].dtype == np.float32
    assert raw.inputs["x"].dtype == np.int8


def test_an_input_may_be_called_labels() -> None:
    source = open_data({"labels": [[1.0, 2.0]]}, {"labels": TensorType("float32", (N, 2))})
    assert not source.has_labels
    assert next(source.batches(1)).inputs["labels"].tolist() == [[1.0, 2.0]]


def test_integers_fit_a_narrower_integer_input_when_their_values_do() -> None:
    (batch,) = open_data(np.array([[1, 2, 127]]), vector_input(dtype="int8")).batches(1)
    assert batch.inputs["x"].dtype == np.int8
    with pytest.raises(DataError, match=r"'x' holds 128, too large for int8 in sample 1; expected finite"):
        list(open_data(np.array([[1, 2, 3], [1, 128, 3]]), vector_input(dtype="int8")).batches(1))


def test_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="size=0"):
        open_data(np.zeros((2, 3)), vector_input()).batches(0)
