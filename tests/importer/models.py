"""ONNX models as text, and what must hold for each: edgeconv computes what ONNX's reference evaluator does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import parser

from edgeconv.core import Array
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter
from tests.harness import reference_outputs

__all__ = ["agrees", "model_from"]

HEADER = '<ir_version: 10, opset_import: ["" : 18, "local" : 1, "inner" : 1]>\n'


def model_from(text: str, header: str = HEADER) -> onnx.ModelProto:
    """The model that `text` describes, in the words of onnx.parser; opset 18 unless the header says otherwise."""
    return parser.parse_model(header + text)


def agrees(
    model: onnx.ModelProto | str,
    feeds: Mapping[str, Array],
    *more: Mapping[str, Array],
    judge: str = "onnx",
    header: str = HEADER,
) -> Graph:
    """Assert that the model gives the judge's outputs for all feeds: as imported, and simplified from a file.

    ONNX Runtime judges where the reference evaluator does not follow references to attributes. Returns the simplified
    graph.
    """
    proto = model_from(model, header) if isinstance(model, str) else model
    graph = load_onnx(proto)
    simple = simplify(graph)
    imported, stored = Interpreter(to_program(graph)), Interpreter(to_bytes(to_program(simple)))
    for each in (feeds, *more):
        wanted = reference_outputs(proto, each, judge)
        for found in (imported.run(None, each), stored.run(None, each)):
            for want, have in zip(wanted, found, strict=True):
                assert (want.dtype, want.shape) == (have.dtype, have.shape)
                np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)
    return simple
