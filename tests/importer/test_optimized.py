"""Files that ONNX Runtime's own optimizer writes convert, and compute what the model before it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.errors import UnsupportedModelError
from edgeconv.runtime import Interpreter

onnxruntime = pytest.importorskip("onnxruntime", reason="its optimizer writes the files")
SAMPLES = sorted(Path(__file__).parents[2].glob("sample_models/*/model.onnx"))


def optimized(source: Path, folder: Path, level: str) -> Path:
    """The file that ONNX Runtime writes at an optimization level."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return folder / "optimized.onnx"


@pytest.mark.parametrize("source", SAMPLES, ids=lambda path: path.parent.name)
def test_extended_optimizations_are_taken_apart(source: Path, tmp_path: Path) -> None:
    with np.load(source.parent / "test.npz") as samples:
        feeds = {name: samples[name][:5] for name in samples.files if name != "labels"}
    model = edgeconv.convert(optimized(source, tmp_path, "ORT_ENABLE_EXTENDED"), precision="fp32")
    wanted = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"]).run(None, feeds)
    for want, have in zip(wanted, Interpreter(model.to_bytes()).run(None, feeds), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-3, atol=1e-4)


def test_layouts_of_one_processor_are_refused_with_the_way_on(tmp_path: Path) -> None:
    source = next(path for path in SAMPLES if "resnet" in path.parent.name)
    path = optimized(source, tmp_path, "ORT_ENABLE_ALL")
    if b"nchwc" not in path.read_bytes():
        pytest.skip("this processor has no layout of its own")
    with pytest.raises(UnsupportedModelError, match="extended"):
        edgeconv.load(path)
