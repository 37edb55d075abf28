"""PyTorch's modules through both exporters: fp32 gives ONNX Runtime's numbers, int8 comes close."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="`make exports` installs the exporters")
pytest.importorskip("onnxscript", reason="`make exports` installs the exporters")

from edgeconv.core import Array
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter
from tests.exports.exported import compare, converted, onnxruntime_outputs
from tests.exports.torch_layers import FAMILIES, Layer
from tests.exports.torch_models import EXPORTERS, export, members
from tests.harness import sqnr

PARTS = [(layer, family, way) for way in EXPORTERS for family in FAMILIES for layer in members(family, way)]
every_part = pytest.mark.parametrize(
    ("layer", "family", "way"), PARTS, ids=[f"{way}-{layer.name}" for layer, _, way in PARTS]
)
LEAST_INT8 = 20.0


@cache
def _wanted(family: str, way: str) -> dict[str, Array]:
    return onnxruntime_outputs(export(family, way))


@cache
def _fp32(family: str, way: str) -> dict[str, Array]:
    return converted(export(family, way))


@cache
def _int8(family: str, way: str) -> dict[str, Array]:
    exported = export(family, way)
    graph = quantize(simplify(load_onnx(exported.model)), [dict(exported.feeds)], QuantConfig(method="minmax"))
    interpreter = Interpreter(to_program(graph))
    return dict(zip(interpreter.output_names, interpreter.run(None, exported.feeds), strict=True))


def _outputs(layer: Layer, wanted: dict[str, Array]) -> dict[str, Array]:
    return {name: array for name, array in wanted.items() if name.rpartition(".")[0] == layer.name}


@every_part
def test_fp32_gives_what_onnx_runtime_gives(layer: Layer, family: str, way: str) -> None:
    outputs = _outputs(layer, _wanted(family, way))
    assert outputs
    for name, want in outputs.items():
        compare(name, want, _fp32(family, way)[name], {})


@every_part
def test_int8_comes_close(layer: Layer, family: str, way: str) -> None:
    assert layer.why or layer.int8 == LEAST_INT8
    for name, want in _outputs(layer, _wanted(family, way)).items():
        found = _int8(family, way)[name]
        assert found.shape == want.shape
        if want.dtype.kind == "f":
            assert sqnr(want, found) >= layer.int8
        assert np.isfinite(found).all() or not np.isfinite(want).all()
