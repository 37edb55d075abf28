"""Inputs bound to values: they become constants, on which shapes may depend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import edgeconv
from edgeconv.errors import DataError, RunTimeInputError, UsageError
from edgeconv.importer import backend, load_onnx
from edgeconv_cli.main import run_commands
from tests.harness import data, reference_outputs

X = data(2, 3, 4)
SHAPE = np.array([4, 6], np.int64)


def reshaping(rank: int = 1) -> onnx.ModelProto:
    """y = reshape(x, shape + 0): the shape is computed from an input."""
    nodes = [
        helper.make_node("Add", ["shape", "zero"], ["sum"], name="sum"),
        helper.make_node("Reshape", ["x", "sum"], ["y"], name="reshape"),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4]),
        helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
    ]
    zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name="y")], [zero])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def unsqueezing() -> onnx.ModelProto:
    """y = unsqueeze(x, axes + 0): not even the rank is known before the input is."""
    model = reshaping()
    add, unsqueeze = model.graph.node
    model.graph.input[1].name = add.input[0] = "axes"
    unsqueeze.op_type, unsqueeze.name = "Unsqueeze", "unsqueeze"
    return model


def test_a_bound_input_is_no_input_any_more() -> None:
    model = edgeconv.convert(reshaping(), precision="fp32", constants={"shape": SHAPE})
    interpreter = model.interpreter()
    assert interpreter.input_names == ["x"]
    (expected,) = reference_outputs(reshaping(), {"x": X, "shape": SHAPE})
    np.testing.assert_array_equal(interpreter(X), expected)


def test_the_refusal_names_the_input_to_bind() -> None:
    with pytest.raises(RunTimeInputError, match=r"Unsqueeze 'unsqueeze': .*'axes'.*--bind axes=") as caught:
        load_onnx(unsqueezing())
    assert caught.value.input == "axes"


@pytest.mark.parametrize(
    ("constants", "words"),
    [
        ({"shapes": SHAPE}, "'shapes', but the model's inputs are 'x', 'shape'"),
        ({"shape": [4.5, 6]}, "int64 cannot hold"),
        ({"shape": [2, 3, 4]}, r"the shape \[3\], the model declares \[2\]"),
    ],
)
def test_values_that_do_not_fit_are_refused(constants: dict[str, list[float]], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_onnx(reshaping(), constants=constants)


def test_a_dimension_without_a_size_has_its_name_in_the_refusal() -> None:
    model = reshaping()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    with pytest.raises(UsageError, match=r"the shape \[5\], the model declares \[N,3,4\]"):
        load_onnx(model, constants={"x": np.zeros(5)})


def test_the_backend_runs_models_as_onnx_asks() -> None:
    assert backend.supports_device("CPU")
    (expected,) = reference_outputs(reshaping(), {"x": X, "shape": SHAPE})
    np.testing.assert_array_equal(backend.run_model(reshaping(), [X, SHAPE])[0], expected)
    rep = backend.prepare(reshaping(), constants={"shape": SHAPE})
    np.testing.assert_array_equal(rep.run([X, SHAPE])[0], expected)
    with pytest.raises(DataError, match="was bound to"):
        rep.run([X, SHAPE[::-1]])


@pytest.mark.parametrize("spelling", ["axes=4,0", "axes={folder}/axes.npy"])
def test_the_command_line_binds(tmp_path: Path, spelling: str) -> None:
    model = tmp_path / "m.onnx"
    onnx.save(unsqueezing(), model)
    np.save(tmp_path / "axes.npy", np.array([4, 0]))
    bound = ("--bind", spelling.format(folder=tmp_path))
    assert command("convert", model, "--precision", "fp32", *bound) == 0
    assert command("inspect", model, "--support", *bound) == 0
    assert command("inspect", model, "--support") == 5
    assert command("inspect", tmp_path / "m.edge", *bound) == 2


@pytest.mark.parametrize(
    "spellings", [["shape"], ["=4"], ["shape=four"], ["shape=none.npy"], ["shape=4,6", "shape=6,4"]]
)
def test_a_binding_that_is_not_understood_is_a_usage_error(tmp_path: Path, spellings: list[str]) -> None:
    onnx.save(reshaping(), tmp_path / "m.onnx")
    bound = [word for spelling in spellings for word in ("--bind", spelling)]
    assert command("convert", tmp_path / "m.onnx", "--precision", "fp32", *bound) == 2


def command(*arguments: object) -> int:
    """The exit code of a command of `edgeconv`."""
    return run_commands([str(each) for each in arguments])
