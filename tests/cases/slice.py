"""Slice: by attributes and by inputs; steps, negative numbers, ends beyond the tensor, empty results."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 6, 7)
FAR = 2**63 - 1


def _case(name: str, starts: list[int], ends: list[int], *rest: list[int], **options: object) -> Case:
    inputs = tuple(np.int64(values) for values in (starts, ends, *rest))
    return Case(name, "Slice", (X, *inputs), constants=range(1, 1 + len(inputs)), **options)  # type: ignore[arg-type]


CASES = [
    Case("attributes", "Slice", (X,), {"starts": [1, 0], "ends": [4, -2], "axes": [1, 2]}, opset=9, int8_sqnr=30),
    Case("no_axes", "Slice", (X,), {"starts": [0, 1], "ends": [FAR, 4]}, opset=7, int8_sqnr=30),
    _case("inputs", [1, 2], [5, 6], [1, 2], int8_sqnr=30),
    _case("no_axes", [0, 1, 2], [FAR, 3, 6], int8_sqnr=30),
    _case("steps", [0, 1], [FAR, FAR], [1, -1], [2, 3], int8_sqnr=30),
    _case("negative", [-4], [-1], [-2], int8_sqnr=30),
    _case("backwards", [-1], [-FAR], [1], [-1], int8_sqnr=30),
    _case("backwards_by_2", [4], [0], [2], [-2], int8_sqnr=30),
    _case("backwards_batch", [-1, 0], [-FAR, 3], [0, 1], [-1, 1]),
    _case("beyond", [-100], [100], [1], [2], int8_sqnr=30),
    _case("everything", [0], [FAR], [1]),
    _case("everything_by_size", [0], [6], [1]),
    _case("empty", [4], [2], [1]),
    _case("batch_of_known_size", [0], [1], [0], dynamic=None, int8_sqnr=30),
    Case("integers", "Slice", (np.arange(6), np.int64([1]), np.int64([4])), constants=(1, 2), dynamic=None),
    Case("no_bounds", "Slice", (X, np.int64([]), np.int64([])), constants=(1, 2)),
]
