"""ONNX Runtime's operators for other devices, which it cannot run here: against models of ONNX's own operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeconv.core import Array
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs

Nodes = Sequence[tuple[str, str, str, dict[str, Any]]]
MAPS, ROWS = data(2, 6, 5, 8), data(2, 5, 8)
LAST, FIRST = {"perm": [0, 2, 3, 1]}, {"perm": [0, 3, 1, 2]}
GROUPS = {"num_groups": 4, "epsilon": 1e-5}
HALF = {"axis": -1, "num_outputs": 2}
C8 = (data(8, low=0.5), data(8))
CASES: dict[str, tuple[Array, dict[str, Array], Nodes, Nodes]] = {
    "convolution": (
        MAPS,
        {"w": data(4, 3, 3, 8), "b": data(4)},
        [("NhwcConv", "x w b", "y", {"pads": [1, 1, 1, 1], "strides": [2, 1]})],
        [("Transpose", "x", "c", FIRST), ("Transpose", "w", "v", FIRST),
         ("Conv", "c v b", "d", {"pads": [1, 1, 1, 1], "strides": [2, 1]}), ("Transpose", "d", "y", LAST)],
    ),
    "in groups": (
        MAPS,
        {"w": data(4, 3, 3, 4)},
        [("NhwcConv", "x w", "y", {"group": 2})],
        [("Transpose", "x", "c", FIRST), ("Transpose", "w", "v", FIRST), ("Conv", "c v", "d", {"group": 2}),
         ("Transpose", "d", "y", LAST)],
    ),
    "normalization": (
        MAPS,
        {"g": C8[0], "b": C8[1]},
        [("GroupNorm", "x g b", "y", {"groups": 4, "activation": 0})],
        [("Transpose", "x", "c", FIRST), ("GroupNormalization", "c g b", "d", GROUPS), ("Transpose", "d", "y", LAST)],
    ),
    "normalization, activation": (
        MAPS,
        {"g": C8[0], "b": C8[1], "s": data(2, 8), "a": data(8, seed=3), "axes": np.int64([1, 2])},
        [("SkipGroupNorm", "x g b s a", "y", {"groups": 4, "activation": 1})],
        [("Unsqueeze", "s axes", "s4", {}), ("Add", "x s4", "p", {}), ("Add", "p a", "q", {}),
         ("Transpose", "q", "c", FIRST), ("GroupNormalization", "c g b", "d", GROUPS), ("Sigmoid", "d", "e", {}),
         ("Mul", "d e", "f", {}), ("Transpose", "f", "y", LAST)],
    ),
    "split Gelu": (
        ROWS,
        {"b": C8[1]},
        [("BiasSplitGelu", "x b", "y", {})],
        [("Add", "x b", "s", {}), ("Split", "s", "l r", HALF), ("Gelu", "r", "g", {}), ("Mul", "l g", "y", {})],
    ),
    "sum of three": (
        ROWS,
        {"b": C8[1], "s": data(2, 5, 8, seed=1)},
        [("BiasAdd", "x b s", "y", {})],
        [("Add", "x b", "p", {}), ("Add", "p s", "y", {})],
    ),
    "product and Gelu": (
        ROWS,
        {"w": data(8, 3), "b": data(3)},
        [("GemmFastGelu", "x w b", "y", {})],
        [("MatMul", "x w", "m", {}), ("Add", "m b", "s", {}), ("Gelu", "s", "y", {"approximate": "tanh"})],
    ),
}  # fmt: skip


def _model(x: Array, constants: dict[str, Array], nodes: Nodes, domain: str) -> onnx.ModelProto:
    made = [helper.make_node(op, i.split(), o.split(), domain=domain, **more) for op, i, o, more in nodes]
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    given = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", *x.shape[1:]])
    graph = helper.make_graph(made, "graph", [given], [onnx.ValueInfoProto(name="y")], stored)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_onnx_says_with_operators_of_its_own(name: str) -> None:
    x, constants, fused, plain = CASES[name]
    (want,) = reference_outputs(_model(x, constants, plain, ""), {"x": x})
    graph = simplify(load_onnx(_model(x, constants, fused, "com.microsoft")))
    np.testing.assert_allclose(Interpreter(to_bytes(to_program(graph)))(x), want, rtol=1e-4, atol=1e-5)
