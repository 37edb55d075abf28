"""Networks with open sizes run at every size, without an option: fp32 as ONNX Runtime does, int8 comes close."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="`make exports` installs the exporters")

import torch

from edgeconv.core import Array
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter
from tests.exports.exported import Exported, compare, converted, onnxruntime_outputs
from tests.exports.torch_open import NETWORKS
from tests.harness import sqnr

LEAST_INT8 = 20.0
every_export = pytest.mark.parametrize(
    ("name", "opset"), [(name, opset) for name, each in NETWORKS.items() for opset in each.opsets]
)


@cache
def _exported(name: str, opset: int) -> tuple[Exported, dict[str, Array]]:
    """The model with inputs of the size that it was exported with, and inputs of another size."""
    torch.manual_seed(0)
    network = NETWORKS[name]
    module, (first, second) = network.make().eval(), network.inputs()
    target = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        axes = {key: dict(value) for key, value in network.axes.items()}
        torch.onnx.export(module, tuple(first.values()), target, dynamo=False, opset_version=opset,
                          input_names=list(first), dynamic_axes=axes)  # fmt: skip
    model = onnx.load_from_string(target.getvalue())
    feeds, other = ({key: x.numpy() for key, x in given.items()} for given in (first, second))
    return Exported(model, feeds, {}), other


@every_export
def test_fp32_gives_what_onnx_runtime_gives(name: str, opset: int) -> None:
    exported, other = _exported(name, opset)
    for given in (exported, replace(exported, feeds=other)):
        found = converted(given)
        for output, want in onnxruntime_outputs(given).items():
            compare(output, want, found[output], {})


@every_export
def test_int8_comes_close(name: str, opset: int) -> None:
    exported, _ = _exported(name, opset)
    graph = quantize(simplify(load_onnx(exported.model)), [dict(exported.feeds)], QuantConfig(method="minmax"))
    interpreter = Interpreter(to_program(graph))
    found = dict(zip(interpreter.output_names, interpreter.run(None, exported.feeds), strict=True))
    for output, want in onnxruntime_outputs(exported).items():
        assert np.isfinite(found[output]).all()
        assert sqnr(want, found[output]) >= LEAST_INT8
