"""Numbers rounded to ONNX's types of 8 bits and fewer, against ONNX's reference evaluator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeconv.core import Array
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.ops.narrow import FLOATS, INTEGERS
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs

FEW = np.float32([0, 1e-9, 2**-10, 0.3, 1.0625, 2.5, 3.5, 5, 239, 247, 447, 464, 465, 57343, 7e4, np.inf, np.nan])
SIGNED = np.concatenate([FEW, -FEW, data(200, low=-10, high=10), data(200, low=-600, high=600)])
POSITIVE = np.concatenate([FEW[1:-2], data(200, low=0.001, high=10)])


def there_and_back(to: int, x: Array, **options: int | str) -> onnx.ModelProto:
    """x cast to the narrow type, and from there to float32."""
    nodes = [
        helper.make_node("Cast", ["x"], ["narrow"], to=to, **options),
        helper.make_node("Cast", ["narrow"], ["y"], to=TensorProto.FLOAT),
    ]
    inputs = [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)]
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name="y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=10)


def check(model: onnx.ModelProto, x: Array) -> None:
    with np.errstate(all="ignore"):
        (want,) = reference_outputs(model, {"x": x})
    np.testing.assert_array_equal(Interpreter(to_program(load_onnx(model)))(x), want)


@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("name", sorted(set(FLOATS) - {"FLOAT8E8M0"}))
def test_narrow_floats(name: str, saturate: int) -> None:
    x = SIGNED[np.isfinite(SIGNED)] if name == "FLOAT4E2M1" else SIGNED
    check(there_and_back(getattr(TensorProto, name), x, saturate=saturate), x)


@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("mode", ["up", "down", "nearest"])
def test_powers_of_two(mode: str, saturate: int) -> None:
    x = POSITIVE
    check(there_and_back(TensorProto.FLOAT8E8M0, x, saturate=saturate, round_mode=mode), x)


@pytest.mark.parametrize("x", [np.arange(-40, 40, dtype=np.int32), np.arange(-9, 16).astype(np.float32)], ids=str)
@pytest.mark.parametrize("name", sorted(INTEGERS))
def test_narrow_integers(name: str, x: Array) -> None:
    check(there_and_back(getattr(TensorProto, name), x), x)


@pytest.mark.parametrize("name", sorted(FLOATS.keys() - {"FLOAT8E8M0"} | INTEGERS.keys()))
def test_quantized_to_a_narrow_type_and_back(name: str) -> None:
    elem_type = getattr(TensorProto, name)
    zero = helper.make_tensor("zero", elem_type, [1], [0 if name in FLOATS else 1])
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [1], [0.75])
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    x = data(50, low=-9, high=9)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    declared = [helper.make_tensor_value_info("q", elem_type, x.shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [scale, zero], value_info=declared)
    check(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=10), x)
