"""Calibration and comparison stream: their memory does not grow with the number of samples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("edgeconv_cli", reason="edgeconv is not installed")
if not hasattr(os, "wait4"):
    pytest.skip("this system does not tell the memory of a child", allow_module_level=True)

_COMMAND = "from edgeconv_cli.main import main; main()"


def test_ten_times_the_samples_take_no_more_memory(tmp_path: Path) -> None:
    onnx.save(_classifier(), tmp_path / "model.onnx")
    few, many = (
        _peak(tmp_path, "convert", "model.onnx", f"{samples}.edge", "--calib", f"random:{samples}")
        for samples in (200, 2000)
    )
    assert many <= 1.1 * few


@pytest.mark.parametrize(
    "measure", [("compare", "model.onnx", "model.edge"), ("evaluate", "model.edge", "--reference", "model.onnx")]
)
def test_measuring_ten_times_the_samples_takes_no_more_memory(tmp_path: Path, measure: tuple[str, ...]) -> None:
    onnx.save(_classifier(), tmp_path / "model.onnx")
    _peak(tmp_path, "convert", "model.onnx", "model.edge", "--calib", "random:32")
    few, many = (_peak(tmp_path, *measure, "--data", f"random:{samples}") for samples in (100, 1000))
    assert many <= 1.1 * few


def _peak(folder: Path, *arguments: str) -> int:
    """The most memory that a command on random samples of 224x224 pixels had resident, in kilobytes."""
    child = subprocess.Popen([sys.executable, "-c", _COMMAND, *arguments, "--quiet"], cwd=folder)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return usage.ru_maxrss


def _classifier() -> onnx.ModelProto:
    """A network that is small where its input is large: x float32 [N, 3, 224, 224] -> [N, 4, 56, 56]."""
    weight = np.random.default_rng(0).normal(size=(4, 3, 4, 4)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "weight"], ["y"], name="conv", strides=[4, 4])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 224, 224])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 56, 56])
    graph = helper.make_graph([node], "patches", [x], [y], [numpy_helper.from_array(weight, "weight")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
