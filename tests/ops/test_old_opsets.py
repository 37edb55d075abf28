"""Models older than opset 7: what has not changed since is read, the rest is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import UnsupportedModelError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import Case, data, feeds_of, model_of, reference_outputs

X = data(2, 3)


@pytest.mark.parametrize(
    "case",
    [
        Case("", "Not", (X > 0,), opset=1),
        Case("", "Softplus", (X,), opset=3),
        Case("", "Tanh", (X,), opset=6),
    ],
    ids=str,
)
def test_operators_that_have_not_changed(case: Case) -> None:
    model, feeds = model_of(case), feeds_of(case)
    (want,) = reference_outputs(model, feeds)
    np.testing.assert_allclose(Interpreter(to_program(load_onnx(model))).run(None, feeds)[0], want, rtol=1e-5)


@pytest.mark.parametrize("case", [Case("", "Add", (X, X), opset=6), Case("", "Tanh", (X,), opset=5)], ids=str)
def test_operators_that_have(case: Case) -> None:
    with pytest.raises(UnsupportedModelError, match=f"whose {case.op_type} is not that of opset 7"):
        load_onnx(model_of(case))


def test_opsets_that_are_not_there() -> None:
    for opset in (0, 99):
        with pytest.raises(UnsupportedModelError, match=f"uses opset {opset}"):
            load_onnx(model_of(Case("", "Not", (X > 0,), opset=opset)))
