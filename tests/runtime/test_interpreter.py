"""Interpreter: what goes in, what comes out, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.errors import DataError, EdgeconvError, InvalidModelError, UsageError
from edgeconv.runtime import Interpreter
from tests.runtime.models import float_sum, int8_negation

A = np.arange(6, dtype=np.float32).reshape(2, 3)
REAL = np.array([[-1.0, 0.5, 2.0, 3.24]], np.float32)


def test_several_outputs_come_as_a_list_in_the_order_asked_for() -> None:
    interpreter = Interpreter(float_sum())
    total, twice = interpreter(A, A)
    np.testing.assert_array_equal(total, A + A)
    np.testing.assert_array_equal(twice, 4 * A)
    feeds = {"b": A, "a": A}
    np.testing.assert_array_equal(interpreter.run(["twice", "total"], feeds), [4 * A, 2 * A])


def test_any_batch_size_runs_and_outputs_belong_to_the_caller() -> None:
    interpreter = Interpreter(float_sum())
    kept, _ = interpreter(A, A)
    for rows in (1, 5, 3, 2, 7, 4):
        x = np.full((rows, 3), rows, np.float32)
        np.testing.assert_array_equal(interpreter(x, x)[0], 2 * x)
    np.testing.assert_array_equal(kept, A + A)


def test_float_goes_in_and_out_of_an_int8_model() -> None:
    found = Interpreter(int8_negation())(REAL)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, -np.array([[-1.0, 0.5, 2.0, 3.0]]))


def test_raw_int8_goes_in_and_out() -> None:
    x = np.array([[1, 4, 7, -128]], np.int8)
    found = Interpreter(int8_negation())(x, raw=True)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, [[-3, -9, -15, 127]])


def test_smaller_dtypes_of_the_same_kind_are_taken() -> None:
    total, _ = Interpreter(float_sum())(A.astype(np.float16), A.astype(np.float64))
    assert total.dtype == np.float32
    np.testing.assert_array_equal(total, A + A)


def test_the_tap_sees_every_tensor_in_order() -> None:
    seen: list[str] = []
    Interpreter(float_sum()).run(None, {"a": A, "b": A}, tap=lambda name, array: seen.append(name))
    assert seen == ["a", "b", "total", "twice"]


REFUSED = {
    "unknown input": ({"a": A, "b": A, "c": A}, "has no input 'c'"),
    "missing input": ({"a": A}, "input 'b' is missing"),
    "wrong rank": ({"a": A[0], "b": A}, r"input 'a' has shape \[3\], the model needs float32\[N,3\]"),
    "wrong dimension": ({"a": A[:, :2], "b": A}, r"input 'a' has shape \[2, 2\]"),
    "wrong dtype": ({"a": A.astype(np.complex64), "b": A}, "input 'a' is complex64"),
}


@pytest.mark.parametrize(("feeds", "message"), REFUSED.values(), ids=REFUSED)
def test_inputs_that_do_not_fit_are_refused(feeds: dict[str, Array], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Interpreter(float_sum()).run(None, feeds)


def test_other_integers_do_not_pass_for_int8_values() -> None:
    with pytest.raises(DataError, match=r"input 'x' is int64, the model needs int8.* or floating-point numbers"):
        Interpreter(int8_negation())(np.zeros((1, 4), np.int64))


def test_the_number_of_inputs_and_the_names_of_outputs_are_checked() -> None:
    interpreter = Interpreter(float_sum())
    with pytest.raises(DataError, match="2 inputs"):
        interpreter(A)
    with pytest.raises(DataError, match="no output 'sum'; its outputs are"):
        interpreter.run(["sum"], {"a": A, "b": A})


def test_inputs_come_by_name() -> None:
    with pytest.raises(UsageError, match=r"dictionary of the inputs \['x'\], found ndarray"):
        Interpreter(int8_negation()).run(None, np.zeros((1, 3), np.float32))  # type: ignore[arg-type]  # the mistake


def test_threads_are_a_number() -> None:
    with pytest.raises(UsageError, match="threads='2'"):
        Interpreter(int8_negation(), threads="2")  # type: ignore[arg-type]  # the mistake


def test_a_memory_limit_is_kept() -> None:
    with pytest.raises(EdgeconvError, match="memory_limit"):
        Interpreter(float_sum(), memory_limit=1000)(np.zeros((1000, 3)), np.zeros((1000, 3)))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidModelError):
        Interpreter(b"nonsense")
    with pytest.raises(UsageError, match="cannot read"):
        Interpreter(tmp_path / "nothing.edge")
