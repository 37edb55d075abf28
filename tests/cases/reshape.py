"""Reshape, Flatten, Squeeze, Unsqueeze: constants, zeros, -1, negative axes, by attributes and by inputs."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, ONES = data(2, 3, 4, 5), data(2, 1, 4, 1)


def _case(name: str, shape: list[int], **options: object) -> Case:
    return Case(name, "Reshape", (X, np.int64(shape)), constants=(1,), **options)  # type: ignore[arg-type]


CASES = [
    _case("rest", [2, -1], dynamic=None, int8_sqnr=30),
    _case("batch_kept", [0, 12, 5], int8_sqnr=30),
    _case("batch_is_rest", [-1, 60], int8_sqnr=30),
    _case("more_dimensions", [-1, 3, 2, 2, 5], int8_sqnr=30),
    _case("zero_in_the_middle", [0, 0, -1], int8_sqnr=30),
    _case("opset_7", [0, -1], opset=7, int8_sqnr=30),
    Case("allow_zero", "Reshape", (X[:0], np.int64([0, 5])), {"allowzero": 1}, (0, 1), dynamic=None),
    Case("scalar", "Reshape", (X[:1, 0, 0, 0], np.zeros(0, np.int64)), constants=(1,), dynamic=None),
    *(Case(f"axis_{axis}", "Flatten", (X,), {"axis": axis}, int8_sqnr=30) for axis in (0, 1, 2, 4, -1, -3)),
    Case("default", "Flatten", (X,), opset=7, int8_sqnr=30),
    Case("axes", "Squeeze", (ONES, np.int64([1, -1])), constants=(1,), int8_sqnr=30),
    Case("one_axis", "Squeeze", (ONES, np.int64([-1])), constants=(1,), int8_sqnr=30),
    Case("all", "Squeeze", (ONES,), int8_sqnr=30),
    Case("attribute", "Squeeze", (ONES,), {"axes": [1]}, opset=11, int8_sqnr=30),
    Case("attribute_absent", "Squeeze", (ONES,), opset=7, int8_sqnr=30),
    Case("axes", "Unsqueeze", (X, np.int64([0, -1])), constants=(1,), int8_sqnr=30),
    Case("attribute", "Unsqueeze", (X,), {"axes": [1, 3]}, opset=11, int8_sqnr=30),
]
