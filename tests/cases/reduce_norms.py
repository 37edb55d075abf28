"""Products, norms and logarithms of sums: axes in every form, integers, empty axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 4, 5, low=0.5, high=2)
INTS = np.arange(1, 13, dtype=np.int64).reshape(3, 4)
OPS = ("ReduceProd", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp")


def _cases(op: str) -> Iterator[Case]:
    yield Case("attribute", op, (X,), {"axes": [-1, 1], "keepdims": 0}, opset=13)
    yield Case("all", op, (X[0, 0],), opset=11, dynamic=None, rtol=1e-4)
    yield Case("input", op, (X, np.array([2, -1])), {}, (1,), opset=18)
    yield Case("input_squeezed", op, (X, np.array([1])), {"keepdims": 0}, (1,), opset=20)
    yield Case("absent_all", op, (X[0, 0],), {"keepdims": 0}, opset=18, dynamic=None, rtol=1e-4)
    yield Case("noop", op, (X,), {"noop_with_empty_axes": 1}, opset=18)
    yield Case("double", op, (X.astype(np.float64), np.array([1])), {}, (1,), opset=18)


CASES = [case for op in OPS for case in _cases(op)]
CASES += [
    Case("negative", "ReduceL1", (X - 1, np.array([1])), {}, (1,), opset=18),
    Case("negative", "ReduceProd", (X - 1, np.array([1])), {}, (1,), opset=18),
    Case("large_values", "ReduceLogSumExp", (X * 100, np.array([1])), {}, (1,), opset=18),
    Case("int64", "ReduceProd", (INTS, np.array([0])), {}, (1,), opset=18),
    Case("int64", "ReduceSumSquare", (INTS, np.array([0])), {}, (1,), opset=18),
    Case("int64", "ReduceL1", (-INTS, np.array([0])), {}, (1,), opset=18),
    Case("int64", "ReduceLogSumExp", (INTS, np.array([0])), {}, (1,), opset=18, judge="onnxruntime"),
    Case("no_elements", "ReduceLogSumExp", (X[:, :0], np.array([1])), {}, (1,), opset=18),
    Case("no_elements", "ReduceProd", (X[:, :0], np.array([1])), {}, (1,), opset=18),
    Case("p_1", "GlobalLpPool", (X,), {"p": 1}, judge="onnxruntime"),
    Case("p_2", "GlobalLpPool", (X,), judge="onnxruntime"),
]
