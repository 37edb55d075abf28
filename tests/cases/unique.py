"""Unique: of all elements and of slices along each axis, sorted and not, all outputs and fewer."""

from __future__ import annotations

import numpy as np

from tests.harness import Case

FLOATS = np.float32([2, 1, 1, 3, 4, 3])
ROWS = np.float32([[1, 0, 0], [1, 0, 0], [2, 3, 4], [0, 9, 9], [2, 3, 4]])
BLOCKS = np.float32([[[1, 1], [0, 1], [2, 1], [0, 1]], [[1, 1], [0, 1], [2, 1], [0, 1]]])

CASES = [
    Case("sorted", "Unique", (FLOATS,), outputs=4),
    Case("as they come", "Unique", (FLOATS,), {"sorted": 0}, outputs=4),
    Case("of a matrix", "Unique", (ROWS,), outputs=4),
    Case("rows", "Unique", (ROWS,), {"axis": 0}, outputs=4),
    Case("rows as they come", "Unique", (ROWS,), {"axis": 0, "sorted": 0}, outputs=4),
    Case("columns", "Unique", (ROWS,), {"axis": -1}, outputs=4),
    Case("blocks", "Unique", (BLOCKS,), {"axis": 1}, outputs=4),
    Case("values alone", "Unique", (FLOATS,)),
    Case("values and places", "Unique", (FLOATS,), outputs=2),
    Case("integers", "Unique", (np.int64([5, -1, 5, 0]),), outputs=4),
    Case("constant", "Unique", (FLOATS,), {}, (0,), outputs=4, dynamic=None),
]
