"""Simplified real models compute what they computed before: against ONNX Runtime, and against themselves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from tests.harness import sqnr
from tests.passes.building import SAME, outputs_of

ASSETS = os.environ.get("EDGECONV_ASSETS", "")
pytestmark = pytest.mark.skipif(not ASSETS, reason="EDGECONV_ASSETS names no folder with models")

MOST_OPERATORS = {
    "etinynet1.0_ts13": 68,
    "kws_dscnn": 14,
    "lstm_mnist_ts17": 8,
    "mbnet_cifar10_dynamo": 58,
    "mbnet_cifar10_ts17_unfusedbn": 58,
    "mnist_cntk": 6,
    "ppocr_cls": 94,
    "resnet20_cifar10_dynamo20": 26,
    "resnet20_cifar10_ts17": 26,
    "resnet8_cifar10": 14,
    "vit_mnist_dynamo": 90,
    "vit_mnist_ts17": 90,
    "yunet_n_dynamic": 91,
}
"""Operators that are left; a change that needs more must say why."""

SHAPES = {"yunet_n_dynamic": (1, 3, 96, 128), "ppocr_cls": (1, 3, 48, 192)}
"""Inputs of models whose dimensions are dynamic beyond the batch."""


ROUNDING = 2.0**-23
"""ONNX Runtime's Sigmoid is off by that much near 0, where scores of 1e-6 are all that a detector says of noise."""


def _path(name: str) -> Path:
    return Path(ASSETS) / f"{name}.onnx"


def _load(name: str) -> Graph:
    return load_onnx(_path(name), {"input": SHAPES[name]} if name == "yunet_n_dynamic" else None)


def _feeds(graph: Graph, name: str) -> dict[str, Array]:
    generator = np.random.default_rng(7)
    feeds = {}
    for input_name in graph.inputs:
        known = graph.types[input_name]
        shape = SHAPES.get(name) or tuple(dim if isinstance(dim, int) else 2 for dim in known.shape)
        feeds[input_name] = generator.normal(0, 1, shape).astype(known.dtype)
    return feeds


@pytest.mark.parametrize("name", MOST_OPERATORS)
def test_simplified_model_is_the_same(name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = _load(name)
    simplified = simplify(graph)
    feeds = _feeds(graph, name)
    wanted = onnxruntime.InferenceSession(str(_path(name)), providers=["CPUExecutionProvider"]).run(None, feeds)
    for want, before, after in zip(wanted, outputs_of(graph, feeds), outputs_of(simplified, feeds), strict=True):
        assert sqnr(want, after) >= SAME or np.abs(want - after).max() < ROUNDING
        assert sqnr(before, after) >= SAME
    assert len(simplified.nodes) <= MOST_OPERATORS[name]


@pytest.mark.parametrize("name", MOST_OPERATORS)
def test_simplify_is_final_and_deterministic(name: str) -> None:
    graph = _load(name)
    once, other = simplify(graph), simplify(_load(name))
    assert once.text() == other.text()
    again = simplify(once)
    assert again.text() == once.text()
    assert again.log == once.log
