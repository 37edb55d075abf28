"""One of ONNX's node tests, the whole way: import, passes, `.edge` bytes, reader, interpreter."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

from edgeconv.errors import EdgeconvError
from edgeconv.importer.backend import prepare_binding
from tests.onnx_backend.reasons import DIFFERENCES, reason_of

__all__ = ["node_cases", "outcome_of"]


@cache
def node_cases() -> dict[str, TestCase]:
    """All cases by name. ONNX computes their data, which takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in load_model_tests(kind="node")}


def outcome_of(case: TestCase) -> str:
    """What the ledger should say of a case; AssertionError where edgeconv computes something else than ONNX expects."""
    bound: tuple[str, ...] = ()
    try:
        for inputs, expected in case.data_sets:
            given = [_array(each) for each in inputs]
            rep, bound = prepare_binding(case.model, given)
            found = rep.run(given)
            wanted = [_array(each) for each in expected]
            assert [_dtype(each) for each in found] == [_dtype(each) for each in wanted]
            Runner.assert_similar_outputs(
                *([_widened(each) for each in ends] for ends in (wanted, found)), case.rtol, case.atol
            )
    except EdgeconvError as error:
        return reason_of(str(error))
    except AssertionError:
        if case.name not in DIFFERENCES:
            raise
        return DIFFERENCES[case.name]
    return f"pass (bound: {', '.join(bound)})" if bound else "pass"


def _array(value: Any) -> Any:
    """Test data as arrays; some cases hold protobufs, some lists."""
    from onnx import TensorProto, numpy_helper

    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _dtype(value: Any) -> Any:
    return getattr(value, "dtype", None)


def _widened(value: Any) -> Any:
    """Floats of 8 and 4 bits as float32, which has all their values: NumPy 1 cannot compare them."""
    is_narrow = isinstance(value, np.ndarray) and value.dtype.name.startswith(("float8", "float4"))
    return value.astype(np.float32) if is_narrow else value
