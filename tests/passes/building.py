"""Small ONNX graphs from text, and the proof that a pass keeps what they compute.

`graph_of("x: float[N,3,8,8]", "y = Relu(x)")` parses ONNX's own text format; names given as keywords are initializers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper, parser

from edgeconv.core import Array, TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.passes import Pass, simplify
from edgeconv.runtime import Interpreter
from tests.harness import reference_outputs, sqnr

__all__ = ["SAME", "array", "counts", "graph_of", "model_of", "outputs_of", "proved", "samples_of"]

SAME = 100.0
"""SQNR in dB between a graph and its simplified form: float32 rounding leaves about 130."""


def array(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> Array:
    """Deterministic float32 values."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(np.float32)


def model_of(
    inputs: str, body: str, outputs: str = "y", opset: int = 17, **constants: Array | float | Sequence[int]
) -> onnx.ModelProto:
    """The model whose nodes are the lines of `body`."""
    ins = ", ".join(f"{kind} {name}" for name, kind in (item.split(":") for item in inputs.split(";")))
    nodes = "\n".join(line.strip() for line in body.strip().splitlines())
    text = (
        f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>\ng ({ins}) => ({outputs}) {{\n{nodes}\n}}'
    )
    model = parser.parse_model(text)
    for name, value in constants.items():
        known = np.asarray(value)
        known = known.astype({"f": np.float32, "i": np.int64}.get(known.dtype.kind, known.dtype))
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(known), name))
    return model


def graph_of(
    inputs: str, body: str, outputs: str = "y", opset: int = 17, **constants: Array | float | Sequence[int]
) -> Graph:
    """The imported graph of `model_of`."""
    return load_onnx(model_of(inputs, body, outputs, opset, **constants))


def samples_of(graph: Graph, batch: int = 2, seed: int = 0) -> dict[str, Array]:
    """Random inputs; symbolic dimensions take the size `batch`."""
    return {name: _sample(graph.types[name], batch, seed + index) for index, name in enumerate(graph.inputs)}


def _sample(known: TensorType, batch: int, seed: int) -> Array:
    shape = tuple(dim if isinstance(dim, int) else batch for dim in known.shape)
    generator = np.random.default_rng(seed)
    if known.is_float:
        return generator.normal(0, 1.5, shape).astype(known.dtype)
    return generator.integers(0, 5, shape).astype(known.dtype)


def outputs_of(graph: Graph, feeds: Mapping[str, Array]) -> list[Array]:
    """What the interpreter computes."""
    return Interpreter(to_program(graph)).run(None, feeds)


def counts(graph: Graph) -> dict[str, int]:
    """Operator name -> how many there are."""
    return dict(Counter(node.op_name for node in graph.nodes))


def proved(graph: Graph, *passes: Pass, model: onnx.ModelProto | None = None) -> Graph:
    """The graph after `passes` (all of SIMPLIFY if none is named), proved to compute the same and to be final."""
    simplified = simplify(graph, passes) if passes else simplify(graph)
    assert simplified.inputs == graph.inputs
    assert simplified.outputs == graph.outputs
    assert [simplified.types[name] for name in graph.outputs] == [graph.types[name] for name in graph.outputs]
    for batch in (1, 3):
        feeds = samples_of(graph, batch)
        wanted = outputs_of(graph, feeds) if model is None else reference_outputs(model, feeds)
        for want, have in zip(wanted, outputs_of(simplified, feeds), strict=True):
            assert want.shape == have.shape
            assert want.dtype == have.dtype
            assert sqnr(want, have) >= SAME
    again = simplify(simplified, passes) if passes else simplify(simplified)
    assert again.text() == simplified.text()
    return simplified
