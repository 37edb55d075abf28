"""Every case through every form of its operator: run, infer, plan, and back from the file."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.ops import load_all
from edgeconv.ops.base import infer_types
from edgeconv.runtime import Interpreter
from tests.cases import all_cases
from tests.harness import Case, feeds_of, model_of, reference_outputs

CASES = list(all_cases())
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_interpreter_agrees_with_onnx_reference(case: Case) -> None:
    model, feeds = model_of(case), feeds_of(case)
    found = Interpreter(to_program(load_onnx(model))).run(None, feeds)
    for want, have in zip(reference_outputs(model, feeds, case.judge), found, strict=True):
        assert want.shape == have.shape
        assert want.dtype == have.dtype
        np.testing.assert_allclose(have, want, rtol=case.rtol, atol=case.atol)


@each_case
def test_run_agrees_with_plan_and_infer(case: Case) -> None:
    graph, feeds = load_onnx(model_of(case)), feeds_of(case)
    seen: dict[str, np.ndarray] = {}
    Interpreter(to_program(graph)).run(None, feeds, tap=lambda name, array: seen.update({name: array.copy()}))
    for node in graph.nodes:
        inputs = [None if not n else seen[n] if n in seen else graph.types[n].value for n in node.inputs]
        results = node.op.run(*inputs)
        results = results if isinstance(results, tuple) else (results,)
        known = [None if x is None else TensorType(x.dtype.name, x.shape, value=x) for x in inputs]
        for name, result, inferred in zip(node.outputs, results, infer_types(node.op, known), strict=True):
            assert (inferred.dtype, inferred.shape) == (np.asarray(result).dtype.name, np.shape(result))
            if name in seen:
                np.testing.assert_allclose(seen[name], result, rtol=case.rtol, atol=case.atol)


def test_every_operator_has_a_case() -> None:
    covered = {type(node.op) for case in CASES for node in _unfolded(case).nodes}
    made_by_edgeconv = {"Quantize", "Dequantize", "Lookup", "Dims", "ShapeFormula"}
    of_shapes = {"ReshapeTo", "SliceAt"}  # their shapes follow from inputs: tests/ops/test_dynamic_planes.py has them
    always_folded = {"Fill", "Range", "Shape", "Size"}  # alone in a model; tests/ops/test_dynamic_shapes.py has them
    elsewhere = made_by_edgeconv | of_shapes | always_folded | {"Narrow"}  # its own tests are tests/ops/test_narrow.py
    missing = [op.__name__ for op in load_all() if op not in covered and op.__name__ not in elsewhere]
    assert not missing


def _unfolded(case: Case) -> Graph:
    return load_onnx(model_of(case))
