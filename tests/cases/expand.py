"""Expand, ConstantOfShape, Tile."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 1, 4)

CASES = [
    Case("middle", "Expand", (X, np.int64([2, 3, 4])), constants=(1,), dynamic=None, int8_sqnr=30),
    Case("both_ways", "Expand", (X, np.int64([3, 1])), constants=(1,), int8_sqnr=30),
    Case("higher_rank", "Expand", (X, np.int64([5, 1, 1, 1])), constants=(1,), int8_sqnr=30),
    Case("nothing", "Expand", (X, np.int64([1, 4])), constants=(1,)),
    Case("integers", "Expand", (np.arange(3)[:, None], np.int64([3, 2])), constants=(1,), dynamic=None),
    Case("opset_8", "Expand", (X, np.int64([3, 1])), constants=(1,), opset=8, int8_sqnr=30),
    Case("at run time", "Expand", (X, np.int64([3, 1]))),
    Case("at run time", "ConstantOfShape", (np.int64([2, 3]),), {"value": np.int64([7])}, dynamic=None),
    Case("at run time", "Tile", (X, np.int64([2, 1, 3]))),
    Case("default", "ConstantOfShape", (np.int64([2, 3]),), constants=(0,), dynamic=None),
    Case("integers", "ConstantOfShape", (np.int64([4]),), {"value": np.int64([7])}, (0,), dynamic=None, opset=9),
    Case("plain", "Tile", (X, np.int64([1, 3, 2])), constants=(1,), int8_sqnr=30),
    Case("batch", "Tile", (X, np.int64([2, 1, 1])), constants=(1,), int8_sqnr=30),
    Case("none", "Tile", (X, np.int64([1, 0, 1])), constants=(1,)),
    Case("opset_7", "Tile", (X, np.int64([1, 3, 2])), constants=(1,), opset=7, int8_sqnr=30),
]
