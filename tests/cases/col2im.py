"""Col2Im: one to three dimensions, strides, pads, dilations."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CASES = [
    Case("plain", "Col2Im", (data(2, 12, 12), _ints(4, 5), _ints(2, 2)), {}, (1, 2), opset=18),
    Case("strides", "Col2Im", (data(2, 9, 4), _ints(5, 5), _ints(3, 3)), {"strides": [2, 2]}, (1, 2), opset=18),
    Case("pads", "Col2Im", (data(1, 5, 15), _ints(5, 5), _ints(1, 5)), {"pads": [0, 1, 0, 1]}, (1, 2), opset=18),
    Case("dilations", "Col2Im", (data(1, 4, 5), _ints(6, 6), _ints(2, 2)), {"dilations": [1, 5]}, (1, 2), opset=18),
    Case("volume", "Col2Im", (data(1, 10, 12), _ints(3, 4, 5), _ints(1, 1, 5)), {}, (1, 2), opset=18),
    Case("row", "Col2Im", (data(2, 6, 4), _ints(6), _ints(3)), {}, (1, 2), opset=18),
]
