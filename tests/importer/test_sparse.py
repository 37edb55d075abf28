"""Sparse tensors, as initializers and as constants, are the dense ones that they stand for."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeconv.core import Array
from edgeconv.errors import InvalidModelError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter

DENSE = np.float32([[0, 0, 1.5], [-2, 0, 0]])
PLACES = {"linear": np.int64([2, 3]), "coordinates": np.int64([[0, 2], [1, 0]])}
X = np.float32([[1, 2], [3, 4]])


def _sparse(indices: Array, dims: tuple[int, ...] = (2, 3)) -> onnx.SparseTensorProto:
    values = numpy_helper.from_array(np.float32([1.5, -2]), "w")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(indices), dims)


def _model(sparse: onnx.SparseTensorProto, as_constant: bool = False) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], ["w"], sparse_value=sparse)] if as_constant else []
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"]))
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", None]) for name in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], sparse_initializer=[] if as_constant else [sparse])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


@pytest.mark.parametrize("as_constant", [False, True])
@pytest.mark.parametrize("kind", PLACES)
def test_it_is_dense(kind: str, as_constant: bool) -> None:
    interpreter = Interpreter(to_program(load_onnx(_model(_sparse(PLACES[kind]), as_constant))))
    np.testing.assert_array_equal(interpreter(X), X @ DENSE)


def test_an_input_that_names_it_is_none() -> None:
    model = _model(_sparse(PLACES["linear"]))
    model.graph.input.append(helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [2, 3]))
    assert load_onnx(model).inputs == ["x"]


@pytest.mark.parametrize(
    ("sparse", "message"),
    [
        (_sparse(np.int64([2, 6])), "cannot be decoded"),
        (_sparse(np.int64([[0, 2], [2, 0]])), "cannot be decoded"),
        (_sparse(np.int64([2, 3, 4])), "cannot be decoded"),
        (_sparse(PLACES["linear"], (1 << 20, 1 << 20)), "export it as a dense one"),
        (_sparse(PLACES["linear"], (-2, 3)), "export it as a dense one"),
    ],
)
def test_what_it_cannot_be_is_refused(sparse: onnx.SparseTensorProto, message: str) -> None:
    with pytest.raises(InvalidModelError, match=f"sparse tensor 'w' .*{message}"):
        load_onnx(_model(sparse))
