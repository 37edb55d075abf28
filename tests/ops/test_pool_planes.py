"""AveragePool behind a layer, its windows so few that one product sums them all, held against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

import edgeconv
from edgeconv.runtime import Interpreter
from tests.harness import data, reference_outputs
from tests.importer.models import agrees, model_from

POOLS = {
    "halves": "kernel_shape = [4, 4], strides = [4, 4]",
    "overlapping": "kernel_shape = [5, 5], strides = [3, 3]",
    "padded": "kernel_shape = [4, 4], strides = [4, 4], pads = [1, 1, 3, 3]",
    "padding counts": "kernel_shape = [4, 4], strides = [4, 4], pads = [2, 2, 2, 2], count_include_pad = 1",
    "the whole map": "kernel_shape = [8, 8]",
}


def _text(pool: str) -> str:
    numbers = ", ".join(f"{value:.6f}" for value in data(5 * 3 * 9, seed=4, low=-1, high=1))
    return f"""agraph (float[N,3,8,8] x) => (float[N,5,A,B] y) <float[5,3,3,3] w = {{{numbers}}}> {{
        c = Conv <pads = [1, 1, 1, 1]> (x, w)
        r = Relu (c)
        y = AveragePool <{pool}> (r)
    }}"""


@pytest.mark.parametrize("name", POOLS)
def test_in_float(name: str) -> None:
    agrees(_text(POOLS[name]), {"x": data(2, 3, 8, 8)}, {"x": data(1, 3, 8, 8, seed=2)}, judge="onnxruntime")


@pytest.mark.parametrize("name", POOLS)
def test_in_int8(name: str) -> None:
    model, x = model_from(_text(POOLS[name])), data(16, 3, 8, 8, seed=1)
    (want,) = reference_outputs(model, {"x": x}, "onnxruntime")
    made = edgeconv.convert(model, calibration=x, method="minmax", effort="fast")
    have = Interpreter(made.to_bytes())(x)
    noise = np.square(have - want, dtype=np.float64).sum()
    assert 10 * np.log10(np.square(want, dtype=np.float64).sum() / noise) > 35
