"""A spectrum inside a network: quiet parts survive int8, since what makes it stays in float."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgeconv
from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr

LENGTH, WINDOW, HOP, BANDS = 800, 128, 64, 33
FRAMES = (LENGTH - WINDOW) // HOP + 1


def tones(count: int, seed: int) -> Array:
    """Sums of tones from loud to quiet, (count, 1, LENGTH)."""
    random = np.random.default_rng(seed)
    time = np.arange(LENGTH)
    loudness, pitch = 10 ** random.uniform(-3, 0, (count, 5, 1)), random.uniform(0.05, 3, (count, 5, 1))
    noise = 1e-4 * random.normal(size=(count, 1, LENGTH))
    return ((loudness * np.sin(pitch * time)).sum(axis=1, keepdims=True) + noise).astype(np.float32)


def model(activation: str) -> ModelProto:
    """STFT as a convolution, then power, logarithm (or nothing of the kind after a Relu), and a small layer."""
    place, wave = np.arange(WINDOW), np.arange(BANDS)[:, None] * 2 * np.pi / WINDOW
    filters = np.concatenate([np.cos(wave * place), np.sin(wave * place)]) * np.hanning(WINDOW)
    constants = {
        "filters": filters[:, None].astype(np.float32), "halves": np.array([BANDS, BANDS]),
        "floor": np.array(1e-5, np.float32), "weight": data(8, BANDS, 3, seed=1) / 8,
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "filters"], ["bands"], strides=[HOP]),
        helper.make_node(activation, ["bands"], ["kept"]),
        helper.make_node("Split", ["kept", "halves"], ["real", "imaginary"], axis=1),
        helper.make_node("Mul", ["real", "real"], ["real2"]),
        helper.make_node("Mul", ["imaginary", "imaginary"], ["imaginary2"]),
        helper.make_node("Add", ["real2", "imaginary2"], ["power"]),
        helper.make_node("Add", ["power", "floor"], ["positive"]),
        helper.make_node("Log", ["positive"], ["spectrum"]),
        helper.make_node("Conv", ["spectrum", "weight"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "spectrum", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, LENGTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8, FRAMES - 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def steps(converted: edgeconv.Model) -> list[str]:
    return [type(step.op).__name__ for step in Interpreter(converted.to_bytes()).program.steps]


def test_what_makes_a_spectrum_stays_in_float() -> None:
    onnx_model = model("Identity")
    converted = edgeconv.convert(onnx_model, calibration={"x": tones(40, 0)})
    x = tones(8, 1)
    (want,) = ReferenceEvaluator(onnx_model).run(None, {"x": x})
    assert sqnr(want, Interpreter(converted.to_bytes())(x)) > 30
    assert steps(converted)[-3:] == ["Log", "Quantize", "Conv"]


def test_after_an_activation_a_logarithm_is_one_of_features() -> None:
    converted = edgeconv.convert(model("Relu"), calibration={"x": tones(40, 0)}, effort="fast")
    assert "Quantize" not in steps(converted)[1:]
