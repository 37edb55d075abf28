"""Every operator's cases through the whole of SIMPLIFY."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from tests.cases import all_cases
from tests.harness import Case, feeds_of, model_of
from tests.passes.building import outputs_of


@pytest.mark.parametrize("case", list(all_cases()), ids=str)
def test_case_survives_simplification(case: Case) -> None:
    graph, feeds = load_onnx(model_of(case)), feeds_of(case)
    simplified = simplify(graph)
    for want, have in zip(outputs_of(graph, feeds), outputs_of(simplified, feeds), strict=True):
        assert (want.dtype, want.shape) == (have.dtype, have.shape)
        np.testing.assert_allclose(have, want, rtol=case.rtol, atol=case.atol)
    assert simplify(simplified).text() == simplified.text()
