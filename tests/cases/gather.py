"""Gather, GatherElements, GatherND: constant and variable indices, negative ones, every axis."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 5, 4)
PICK = np.int64([[3, -1], [0, 2]])
PLACES = np.int64([[[0, -1, 3, 2], [4, 4, 1, 0]], [[1, 2, -5, 0], [0, 0, 0, 3]]])
PAIRS = np.int64([[[0, 1], [-1, 2]], [[4, -4], [2, 3]]])

CASES = [
    Case("axis_1", "Gather", (X, PICK), {"axis": 1}, constants=(1,), int8_sqnr=30),
    Case("last_axis", "Gather", (X, PICK), {"axis": -1}, constants=(1,), int8_sqnr=30),
    Case("default_axis", "Gather", (X, np.int64([1, 0, 1])), constants=(1,), dynamic=None, int8_sqnr=30),
    Case("scalar", "Gather", (X, np.int64(0)), {"axis": 1}, constants=(1,), int8_sqnr=30),
    Case("at_run_time", "Gather", (X, PICK), {"axis": 1}, int8_sqnr=30),
    Case("int32", "Gather", (X, PICK.astype(np.int32)), {"axis": 1}),
    Case("embedding", "Gather", (data(9, 4), np.int64([[1, -9, 8]])), constants=(0,), dynamic=None),
    Case("no_indices", "Gather", (X, np.zeros((0,), np.int64)), {"axis": 1}, constants=(1,)),
    Case("integers", "Gather", (np.arange(5), np.int64([-2])), constants=(1,), dynamic=None),
    Case("constant", "GatherElements", (X, PLACES), {"axis": 1}, constants=(1,), dynamic=None, int8_sqnr=30),
    Case("at_run_time", "GatherElements", (X, PLACES % 4), {"axis": -1}, batched=(0, 1), judge="onnxruntime"),
    Case("fewer", "GatherElements", (X, PLACES[:, :, :2]), {"axis": 1}, batched=(0, 1), judge="onnxruntime"),
    Case("default_axis", "GatherElements", (X, np.int64([[[0, -1, 1, 0]]])), dynamic=None, judge="onnxruntime"),
    Case("pairs", "GatherND", (X[0], PAIRS), constants=(1,), dynamic=None, int8_sqnr=30),
    Case("slices", "GatherND", (X, PAIRS[:1] % 2), constants=(1,), dynamic=None, int8_sqnr=30),
    Case("at_run_time", "GatherND", (X, PAIRS[1] % 2), dynamic=None),
    Case("batch", "GatherND", (X, PAIRS), {"batch_dims": 1}, batched=(0, 1), judge="onnxruntime"),
]
