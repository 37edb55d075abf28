"""Shape and Size."""

from __future__ import annotations

from tests.harness import Case, data

X = data(2, 3, 4)

CASES = [
    Case("whole", "Shape", (X,)),
    Case("whole_static", "Shape", (X,), dynamic=None),
    Case("part", "Shape", (X,), {"start": -2, "end": 2}, opset=15),
    Case("opset_7", "Shape", (X,), opset=7),
    Case("plain", "Size", (X,)),
    Case("static", "Size", (X,), dynamic=None),
]
