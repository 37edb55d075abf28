"""w8 and fp16: weights stored narrow, arithmetic in float, no calibration."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import edgeconv
from edgeconv.core import Array
from edgeconv.errors import DataError, UsageError
from edgeconv.model import Model
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr
from tests.quantize.quantized_models import Builder, reference

STORED = {"w8": "int8", "fp16": "float16"}
ENOUGH = {"w8": 35.0, "fp16": 65.0}
"""dB. A step of 1/127 of a channel's largest weight leaves some 40; half precision has 11 bits, which leave some 70."""

each_precision = pytest.mark.parametrize("precision", STORED)


def convolutions() -> tuple[onnx.ModelProto, dict[str, Array]]:
    b = Builder()
    y = b.node("Conv", b.input("N", 4, 9, 9), b.constant(data(8, 2, 3, 3)), b.constant(data(8)), group=2)
    y = b.node("ConvTranspose", b.node("Relu", y), b.constant(data(8, 4, 2, 2)), strides=[2, 2])
    return b.model(y), {"x": data(2, 4, 9, 9)}


def matrices() -> tuple[onnx.ModelProto, dict[str, Array]]:
    b = Builder()
    y = b.node("Gemm", b.input("N", 24), b.constant(data(96, 24)), b.constant(data(96)), transB=1)
    return b.model(b.node("MatMul", y, b.constant(data(96, 12)))), {"x": data(3, 24)}


def embedding() -> tuple[onnx.ModelProto, dict[str, Array]]:
    b = Builder()
    rows = b.node("Gather", b.constant(data(100, 16) * data(100, 1, low=0.1, seed=3)), b.input("N", 7, dtype="int64"))
    indices = np.random.default_rng(0).integers(-100, 100, (3, 7))
    return b.model(b.node("MatMul", rows, b.constant(data(16, 12)))), {"x": indices}


def recurrent(op: str, gates: int) -> tuple[onnx.ModelProto, dict[str, Array]]:
    b = Builder()
    w, r = data(2, gates * 8, 6, low=-1, high=1), data(2, gates * 8, 8, low=-1, high=1)
    bias = data(2, 2 * gates * 8, low=-1, high=1)
    x = b.input(5, "N", 6)
    y = b.node(op, x, *(b.constant(v) for v in (w, r, bias)), hidden_size=8, direction="bidirectional")
    return b.model(y), {"x": data(5, 3, 6)}


MODELS = {
    "convolutions": convolutions,
    "matrices": matrices,
    "embedding": embedding,
    "lstm": lambda: recurrent("LSTM", 4),
    "gru": lambda: recurrent("GRU", 3),
    "rnn": lambda: recurrent("RNN", 1),
}


def dtypes(model: Model) -> set[str]:
    """The dtypes of the constants of 64 elements or more, but for scales of rows."""
    found = [known for _, known in model.graph.constants() if known.size >= 64]
    return {known.dtype for known in found if known.shape[1:] != (1,)}


@each_precision
@pytest.mark.parametrize("name", MODELS)
def test_stored_weights_compute_nearly_the_same(name: str, precision: str) -> None:
    model, feeds = MODELS[name]()
    converted = edgeconv.convert(model, precision=precision)
    biases = {"float32"} if precision == "w8" or name in ("lstm", "gru", "rnn") else set()
    assert STORED[precision] in dtypes(converted) <= {STORED[precision], "int64"} | biases
    (found,) = Interpreter(converted.to_bytes()).run(None, feeds)
    assert sqnr(reference(model, feeds)[0], found) >= ENOUGH[precision]
    assert converted.conversion.precision == precision
    assert not converted.float_nodes


@each_precision
def test_an_embedding_stays_narrow_in_memory(precision: str) -> None:
    model, feeds = embedding()
    converted = edgeconv.convert(model, precision=precision)
    gathers = [node for node in converted.graph.nodes if node.op_name == "Gather"]
    assert converted.graph.types[gathers[0].outputs[0]].dtype == STORED[precision]
    with pytest.raises(DataError, match="outside a dimension of 100"):
        converted.interpreter().run(None, {"x": feeds["x"] + 1000})


@each_precision
def test_excluded_nodes_keep_their_weights(precision: str) -> None:
    model, feeds = matrices()
    converted = edgeconv.convert(model, precision=precision, exclude=["gemm*", "matmul*"])
    assert dtypes(converted) == {"float32"}
    np.testing.assert_allclose(converted.interpreter().run(None, feeds)[0], reference(model, feeds)[0], rtol=1e-4)
    with pytest.raises(UsageError, match="matches no node"):
        edgeconv.convert(model, precision=precision, exclude=["nothing"])


def test_weights_that_came_as_integers_keep_them() -> None:
    b = Builder()
    stored = np.random.default_rng(0).integers(0, 256, (24, 30), np.uint8)
    y = b.node("MatMul", b.input("N", 24), b.weight(stored, 0.01, 131))
    model, feeds = b.model(y), {"x": data(3, 24)}
    exact, narrow = (edgeconv.convert(model, precision=precision) for precision in ("fp32", "w8"))
    np.testing.assert_array_equal(narrow.interpreter()(feeds["x"]), exact.interpreter()(feeds["x"]))


def test_what_half_precision_cannot_hold_stays_in_float32() -> None:
    b = Builder()
    y = b.node("MatMul", b.input("N", 24), b.constant(data(24, 30) * 1e5))
    assert dtypes(edgeconv.convert(b.model(y), precision="fp16")) == {"float32"}


@each_precision
def test_samples_are_said_not_to_be_used(precision: str) -> None:
    model, feeds = matrices()
    assert "not used" in edgeconv.convert(model, feeds, precision=precision).warnings[0]
