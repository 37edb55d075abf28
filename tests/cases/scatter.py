"""ScatterElements and ScatterND, with every reduction."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, UPDATES = data(4, 5), data(2, 3, seed=1)
PLACES = np.int64([[0, -1, 2], [3, 1, 0]])
ROWS = np.int64([[2], [-4]])

CASES = [
    Case("axis_1", "ScatterElements", (X, PLACES, UPDATES), {"axis": 1}, constants=(1,), dynamic=None),
    Case("axis_0", "ScatterElements", (X, PLACES, UPDATES), constants=(1, 2), dynamic=None),
    Case("at_run_time", "ScatterElements", (X, PLACES, UPDATES), {"axis": -1}, dynamic=None),
    *(
        Case(how, "ScatterElements", (X, PLACES * 0, UPDATES), {"reduction": how}, (1,), opset=18, dynamic=None)
        for how in ("add", "mul", "max", "min")
    ),
    Case("old", "ScatterElements", (X, PLACES, UPDATES), {"axis": 1}, opset=11, dynamic=None),
    Case("oldest", "Scatter", (X, PLACES, UPDATES), {"axis": 1}, opset=9, dynamic=None, judge="onnxruntime"),
    Case("rows", "ScatterND", (X, ROWS, data(2, 5)), constants=(1,), dynamic=None),
    Case("elements", "ScatterND", (X, np.int64([[0, 1], [3, -1]]), data(2)), dynamic=None),
    *(
        Case(how, "ScatterND", (X, ROWS, data(2, 5)), {"reduction": how}, (1,), opset=18, dynamic=None)
        for how in ("add", "mul", "max", "min")
    ),
]
