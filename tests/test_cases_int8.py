"""Every case that has an int8 form: quantized on its own inputs, close to float, the same bytes at any batch size."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, float_nodes, quantize
from edgeconv.runtime import Interpreter
from tests.cases import all_cases
from tests.harness import Case, feeds_of, model_of, reference_outputs, sqnr

CASES = [case for case in all_cases() if case.int8_sqnr is not None]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def _int8(case: Case) -> Graph:
    return quantize(simplify(load_onnx(model_of(case))), [feeds_of(case)], QuantConfig(method="minmax"))


@each_case
def test_int8_is_close_to_float(case: Case) -> None:
    graph = _int8(case)
    assert not float_nodes(graph)
    found = Interpreter(to_program(graph)).run(None, feeds_of(case))
    wanted = reference_outputs(model_of(case), feeds_of(case), case.judge)
    for want, have in zip(wanted, found, strict=True):
        assert want.shape == have.shape
        assert sqnr(want, have) >= (case.int8_sqnr or 0)


@each_case
def test_int8_gives_the_same_bytes_sample_by_sample(case: Case) -> None:
    feeds = feeds_of(case)
    batched = {f"input{index}" for index in case.batched}
    first = feeds.get("input0", np.zeros(0))
    if case.dynamic != 0 or set(feeds) != batched or first.shape[0] < 2:
        pytest.skip("only for inputs whose axis 0 is the batch")
    interpreter = Interpreter(to_program(_int8(case)))
    whole = interpreter.run(None, feeds, raw=True)
    if whole[0].shape[:1] != first.shape[:1]:
        pytest.skip("the output has no batch axis")
    for index in range(first.shape[0]):
        sample = {name: array[index : index + 1] for name, array in feeds.items()}
        single = interpreter.run(None, sample, raw=True)
        for all_samples, alone in zip(whole, single, strict=True):
            np.testing.assert_array_equal(all_samples[index : index + 1], alone)
