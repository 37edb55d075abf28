"""Samples that do not fit: each misfit gives one line that says what was found, what is expected, and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.data import open_data
from edgeconv.errors import DataError
from tests.data.models import N, vector_input

X = np.zeros((4, 3), np.float32)
NAN, INFINITY, HUGE = X.astype(np.float64), X.copy(), X.astype(np.float64)
NAN[2, 1], INFINITY[3, 0], HUGE[1, 2] = np.nan, -np.inf, 1e300


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "no array for input 'x': found 'X', the model's inputs are 'x'; name one array 'x'"),
        ({"data": X}, "no array for input 'x': found 'data', the model's inputs are 'x'; name one array 'x'"),
        ({"x": X, "label": [1] * 4}, "array 'label' belongs to no input: .*; did you mean 'labels'?"),
        ({"x": X, "id": [1] * 4}, "array 'id' belongs to no input: .*; leave it out"),
        ({}, "no array for input 'x': found nothing"),
        ({"x": X[0]}, r"'x' has shape \[3\], input 'x' is float32\[N,3\]; expected rank 2, .* is x\[None\]"),
        ({"x": X[None, None]}, r"'x' has shape \[1,1,4,3\], .*, or rank 3"),
        ({"x": X[:, :2]}, r"'x' has shape \[4,2\], input 'x' is float32\[N,3\]: axis 1 is 2, expected 3; check"),
        ({"x": X[None, :, :2]}, r"'x' has shape \[1,4,2\], .*: axis 2 is 2, expected 3"),
        ({"x": X.astype(np.complex64)}, "'x' is complex64, input 'x' takes float32; give real numbers"),
        ({"x": X.astype(str)}, "'x' is <U32, input 'x' takes float32; the model takes numbers there"),
        ({"x": X[:0]}, "no samples; give at least one"),
        ({"x": NAN}, "'x' holds NaN in sample 2; expected finite numbers"),
        ({"x": INFINITY}, "'x' holds infinity in sample 3; expected finite numbers"),
        ({"x": HUGE}, r"'x' holds 1e\+300, too large for float32 in sample 1"),
        ({"x": X, "labels": [1, 2]}, r"labels have shape \[2\], expected \[4\]: one integer per sample"),
        ({"x": X, "labels": np.eye(4)}, r"labels are float64, expected integers; .* np.argmax\(labels, 1\)"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_misfit(tmp_path: Path, in_file: bool, arrays: dict[str, Any], message: str) -> None:
    source: Any = arrays
    if in_file:
        source = tmp_path / "a.npz"
        np.savez(source, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        list(open_data(source, vector_input()).batches(3))
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert not in_file or str(source) in str(caught.value)


def test_near_names_are_pointed_out() -> None:
    with pytest.raises(DataError, match=r"did you mean 'Input3' where it says 'input'\?"):
        open_data({"input": X}, {"Input3": TensorType("float32", (N, 3))})


def test_differing_sample_counts() -> None:
    inputs = {"x": TensorType("float32", (N, 3)), "y": TensorType("float32", (N, 3))}
    with pytest.raises(DataError, match="sample counts differ: 'x' 4, 'y' 2; give every input as many"):
        open_data({"x": X, "y": X[:2]}, inputs)


def test_one_array_for_several_inputs() -> None:
    inputs = {"x": TensorType("float32", (N, 3)), "y": TensorType("float32", (N, 3))}
    with pytest.raises(DataError, match="one array for a model with inputs 'x', 'y'; name one per input"):
        open_data(X, inputs)


@pytest.mark.parametrize("dtype", ["int64", "int8", "bool", "uint8"])
def test_floats_do_not_feed_an_integer_input(dtype: str) -> None:
    with pytest.raises(DataError, match=f"'x' is float32, input 'x' takes {dtype}; .* astype\\('{dtype}'\\)"):
        open_data(X, vector_input(dtype=dtype))


def test_scalar_input_of_the_wrong_rank() -> None:
    with pytest.raises(DataError, match="expected rank 1: one number per sample"):
        open_data(X, {"limit": TensorType("float32", ())})


@pytest.mark.parametrize("name", ["missing.npz", "missing", "missing/x.npy"])
def test_path_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: no such file or folder; expected an .npz"):
        open_data(path, vector_input())


def test_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n")
    with pytest.raises(DataError, match=r"expected an .npz, an .npy, an image, a folder, or random:N"):
        open_data(tmp_path / "a.csv", vector_input())
    with pytest.raises(DataError, match="'' names no samples"):
        open_data("", vector_input())


def test_something_that_is_no_data() -> None:
    with pytest.raises(DataError, match="the samples are a int; give a path, an array"):
        open_data(7, vector_input())  # type: ignore[arg-type]


def test_an_open_source_for_another_model() -> None:
    source = open_data(X, vector_input())
    assert open_data(source, vector_input()) is source
    with pytest.raises(DataError, match="no array for input 'y'"):
        open_data(source, {"y": TensorType("float32", (N, 3))})


@pytest.mark.parametrize("samples", [{}, [{}]])
def test_a_model_without_inputs_takes_no_samples(samples: Any) -> None:
    with pytest.raises(DataError, match="the model has no inputs to feed; convert it with --precision fp32"):
        open_data(samples, {})
