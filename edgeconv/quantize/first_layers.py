"""What the first layers compute on calibration samples, kept in the file: samples prepared otherwise show there."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from math import sqrt

import numpy as np

from edgeconv.core import Array
from edgeconv.data.input_statistics import FIRST_LAYERS, InputFacts, facts_to_json
from edgeconv.graph import Graph
from edgeconv.quantize.statistics import Statistics

__all__ = ["first_layers"]

_LAYERS = 3


def first_layers(graph: Graph, statistics: Mapping[str, Statistics]) -> dict[str, str]:
    """Metadata about the first three layers with a weight whose outputs were observed."""
    layers = (node for node in graph.nodes if node.op.quant is not None and node.op.quant.weight is not None)
    names = islice((node.outputs[0] for node in layers if node.outputs[0] in statistics), _LAYERS)
    return {FIRST_LAYERS: facts_to_json([_facts(name, statistics[name]) for name in names])}


def _facts(name: str, seen: Statistics) -> InputFacts:
    centres, counts = seen.histogram()
    total = max(float(counts.sum()) + seen.zeros, 1.0)
    mean = _rounded(float(centres @ counts) / total)
    std = sqrt(max(float(np.square(centres) @ counts) / total - mean * mean, 0.0))
    return InputFacts(name, mean, _rounded(std), _rounded(seen.minimum), _rounded(seen.maximum))


def _rounded(value: float | Array) -> float:
    return float(f"{float(value):.6g}")
