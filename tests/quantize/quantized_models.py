"""Small quantized ONNX models, written node by node, and ONNX's own reading of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeconv.core import Array

__all__ = ["Builder", "reference"]


class Builder:
    """Collects nodes; every method returns the name of what it adds."""

    def __init__(self, opset: int = 21) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.inputs: list[onnx.ValueInfoProto] = []

    def input(self, *shape: int | str, dtype: str = "float32", name: str = "x") -> str:
        """A graph input."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, value: Array | float) -> str:
        """An initializer."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: object) -> str:
        """A node; the name of its first output."""
        names = [f"{op.lower()}{len(self.nodes)}" + ("" if index == 0 else f"_{index}") for index in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=names[0], domain=domain, **attributes))
        return names[0]

    def quantize(self, x: str, scale: float, zero_point: int, dtype: str = "uint8") -> str:
        """QuantizeLinear."""
        return self.node("QuantizeLinear", x, *self._scalars(scale, zero_point, dtype))

    def dequantize(self, x: str, scale: float, zero_point: int, dtype: str = "uint8") -> str:
        """DequantizeLinear."""
        return self.node("DequantizeLinear", x, *self._scalars(scale, zero_point, dtype))

    def pair(self, x: str, scale: float, zero_point: int, dtype: str = "uint8") -> str:
        """Both, one after the other."""
        return self.dequantize(self.quantize(x, scale, zero_point, dtype), scale, zero_point, dtype)

    def weight(self, values: Array, scale: Array | float, zero_point: Array | int, axis: int = 0) -> str:
        """A constant in integers, made real."""
        names = [self.constant(values), self.constant(np.float32(scale))]
        names.append(self.constant(np.asarray(zero_point, values.dtype)))
        return self.node("DequantizeLinear", *names, axis=axis)

    def _scalars(self, scale: float, zero_point: int, dtype: str) -> tuple[str, str]:
        return self.constant(np.float32(scale)), self.constant(np.array(zero_point, dtype))

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The model that gives these values."""
        results = [onnx.ValueInfoProto(name=name) for name in outputs]
        initializers = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "quantized", self.inputs, results, initializers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def reference(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    """What ONNX's reference evaluator computes."""
    return [np.asarray(output) for output in ReferenceEvaluator(model).run(None, dict(feeds))]
