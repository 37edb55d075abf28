"""ArgMax, ArgMin, TopK and CumSum: axes, ties, order, integers."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(3, 5, 6)
TIES = np.array([[2, 7, 7, 1, 7], [3, 3, 3, 3, 3]], np.float32)
INTS = np.arange(12, dtype=np.int64).reshape(3, 4)
K = np.array([2])

CASES = [
    *(
        case
        for op in ("ArgMax", "ArgMin")
        for case in (
            Case("default", op, (X,), dynamic=None),
            Case("negative_axis", op, (X,), {"axis": -1}),
            Case("squeezed", op, (X,), {"axis": 1, "keepdims": 0}),
            Case("first_of_ties", op, (TIES,), {"axis": 1}),
            Case("last_of_ties", op, (TIES,), {"axis": 1, "select_last_index": 1}),
            Case("last_of_ties_squeezed", op, (TIES,), {"axis": -1, "select_last_index": 1, "keepdims": 0}),
            Case("int64", op, (INTS,), {"axis": 1}),
            Case("opset_7", op, (X,), {"axis": 1}, opset=7),
        )
    ),
    Case("last_axis", "TopK", (X, K), {}, (1,), outputs=2),
    Case("axis", "TopK", (X, K), {"axis": 1}, (1,), outputs=2),
    Case("smallest", "TopK", (X, K), {"axis": -2, "largest": 0}, (1,), outputs=2),
    Case("ties", "TopK", (TIES, K), {}, (1,), outputs=2),
    Case("ties_smallest", "TopK", (TIES, K), {"largest": 0}, (1,), outputs=2),
    Case("values_only", "TopK", (X, K), {}, (1,)),
    Case("at run time", "TopK", (X, K), {"axis": 1}, outputs=2),
    Case("smallest at run time", "TopK", (TIES, K), {"largest": 0}, outputs=2, dynamic=None),
    Case("int64", "TopK", (INTS, K), {}, (1,), outputs=2),
    Case("opset_10", "TopK", (X, K), {}, (1,), outputs=2, opset=10),
    Case("attribute", "TopK", (X,), {"k": 3, "axis": 1}, outputs=2, opset=9),
    Case("plain", "CumSum", (X, np.array(1)), {}, (1,)),
    Case("negative_axis", "CumSum", (X, np.array([-1])), {}, (1,), judge="onnxruntime"),
    Case("exclusive", "CumSum", (X, np.array(1)), {"exclusive": 1}, (1,)),
    Case("reverse", "CumSum", (X, np.array(2)), {"reverse": 1}, (1,)),
    Case("reverse_exclusive", "CumSum", (X, np.array(0)), {"reverse": 1, "exclusive": 1}, (1,), dynamic=None),
    Case("int64", "CumSum", (INTS, np.array(0)), {}, (1,), dynamic=None),
    Case("plain", "CumProd", (X, np.array(1)), {}, (1,), opset=26),
    Case("exclusive", "CumProd", (X, np.array(-1)), {"exclusive": 1}, (1,), opset=26),
    Case("reverse", "CumProd", (X, np.array(0)), {"reverse": 1}, (1,), opset=26, dynamic=None),
    Case("int64", "CumProd", (INTS, np.array(1)), {"exclusive": 1, "reverse": 1}, (1,), opset=26),
]
