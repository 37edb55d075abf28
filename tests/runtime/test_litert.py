"""LiteRT's method names: a script written for it runs unchanged but for its import."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import DataError
from edgeconv.runtime import Interpreter
from tests.runtime.models import INPUT_Q, OUTPUT_Q, float_sum, int8_negation


def test_details_say_what_litert_says() -> None:
    interpreter = Interpreter(int8_negation())
    interpreter.allocate_tensors()
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (x["name"], y["name"]) == ("x", "y")
    assert x["dtype"] is np.int8
    np.testing.assert_array_equal(x["shape"], [1, 4])
    np.testing.assert_array_equal(x["shape_signature"], [-1, 4])
    assert x["quantization"] == (INPUT_Q.scale[0], INPUT_Q.zero_point[0])
    np.testing.assert_array_equal(y["quantization_parameters"]["scales"], np.float32(OUTPUT_Q.scale))
    np.testing.assert_array_equal(y["quantization_parameters"]["zero_points"], OUTPUT_Q.zero_point)


def test_a_float_tensor_has_no_quantization() -> None:
    details = Interpreter(float_sum()).get_input_details()[0]
    assert details["dtype"] is np.float32
    assert details["quantization"] == (0.0, 0)
    assert details["quantization_parameters"]["scales"].size == 0


def test_set_invoke_get() -> None:
    interpreter = Interpreter(int8_negation())
    index = interpreter.get_input_details()[0]["index"]
    interpreter.set_tensor(index, np.array([[1, 4, 7, -128]], np.int8))
    interpreter.invoke()
    output = interpreter.get_output_details()[0]["index"]
    np.testing.assert_array_equal(interpreter.get_tensor(output), [[-3, -9, -15, 127]])


def test_inputs_set_one_by_one_are_all_there() -> None:
    interpreter = Interpreter(float_sum())
    a, b = (details["index"] for details in interpreter.get_input_details())
    interpreter.set_tensor(a, np.full((1, 3), 1, np.float32))
    interpreter.set_tensor(b, np.full((1, 3), 2, np.float32))
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), [[3, 3, 3]])


def test_the_batch_can_be_resized_and_nothing_else() -> None:
    interpreter = Interpreter(int8_negation())
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, [3, 4])
    interpreter.allocate_tensors()
    np.testing.assert_array_equal(interpreter.get_input_details()[0]["shape"], [3, 4])
    for shape in ([3, 5], [3], [3, 4, 1]):
        with pytest.raises(DataError, match="cannot take the shape"):
            interpreter.resize_tensor_input(index, shape)


@pytest.mark.parametrize("value", [np.zeros((2, 4), np.int8), np.zeros((1, 4), np.float32)], ids=["shape", "dtype"])
def test_set_tensor_is_as_strict_as_litert(value: np.ndarray) -> None:
    interpreter = Interpreter(int8_negation())
    with pytest.raises(DataError, match=r"needs int8\[1, 4\]"):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)


def test_tensors_that_are_not_there_are_refused() -> None:
    interpreter = Interpreter(int8_negation())
    with pytest.raises(DataError, match="there is no tensor 99"):
        interpreter.get_tensor(99)
    with pytest.raises(DataError, match="tensor 2 is no input"):
        interpreter.set_tensor(2, np.zeros((1, 4), np.int8))
