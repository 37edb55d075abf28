"""Reductions: axes as attribute and as input, negative, none, none at all; keepdims; integers; global pooling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.harness import Case, data

X = data(2, 5, 6, 7)
INTS = np.arange(-30, 30, dtype=np.int64).reshape(3, 4, 5)
_INPUT_SINCE = {"ReduceMean": 18, "ReduceSum": 13, "ReduceMax": 18, "ReduceMin": 18}
_SQNR = {"ReduceMean": 30.0, "ReduceSum": 30.0, "ReduceMax": 40.0, "ReduceMin": 40.0}


def _axes(*axes: int) -> np.ndarray:
    return np.array(axes, np.int64)


def _cases(op: str) -> Iterator[Case]:
    since, db = _INPUT_SINCE[op], _SQNR[op]
    yield Case("attribute", op, (X,), {"axes": [2, 3]}, opset=since - 1, int8_sqnr=db)
    yield Case("attribute_negative", op, (X,), {"axes": [-1, 1], "keepdims": 0}, opset=since - 1, int8_sqnr=db)
    yield Case("all", op, (X,), opset=since - 1, dynamic=None)
    yield Case("last", op, (X, _axes(-1)), {"keepdims": 0}, (1,), opset=since, int8_sqnr=db)
    yield Case("first", op, (X, _axes(0)), {}, (1,), opset=since, dynamic=None, int8_sqnr=db)
    yield Case("middle", op, (X, _axes(1)), {}, (1,), opset=since, int8_sqnr=db)
    yield Case("spatial", op, (X, _axes(3, 2)), {"keepdims": 0}, (1,), opset=since, int8_sqnr=db)
    yield Case("scattered", op, (X, _axes(0, 2)), {}, (1,), opset=since, dynamic=None, int8_sqnr=db)
    yield Case("no_axes_all", op, (X, _axes()), {"keepdims": 0}, (1,), opset=since, dynamic=None)
    yield Case("absent_all", op, (X,), {}, opset=since, dynamic=None)
    yield Case("no_axes_noop", op, (X, _axes()), {"noop_with_empty_axes": 1}, (1,), opset=since, int8_sqnr=db)
    yield Case("int64", op, (INTS, _axes(1)), {}, (1,), opset=since)
    yield Case("double", op, (X.astype(np.float64), _axes(1)), {}, (1,), opset=since)


CASES = [case for op in _INPUT_SINCE for case in _cases(op)]
CASES += [
    Case("bool", "ReduceMax", (INTS > 0, np.array([1])), {}, (1,), opset=20),
    Case("bool", "ReduceMin", (INTS > 0, np.array([1])), {}, (1,), opset=20),
    Case("no_elements", "ReduceMax", (np.zeros((2, 0, 3), np.float32), np.array([1])), {}, (1,), opset=20),
    Case("no_elements", "ReduceMin", (np.zeros((2, 0, 3), np.float32), np.array([1])), {}, (1,), opset=20),
    Case("no_elements", "ReduceSum", (np.zeros((2, 0, 3), np.float32), np.array([1])), {}, (1,)),
    Case("plain", "GlobalAveragePool", (X,), int8_sqnr=30),
    Case("one_dimension", "GlobalAveragePool", (X[:, :, 0],), int8_sqnr=30),
    Case("plain", "GlobalMaxPool", (X,), int8_sqnr=40),
    Case("volume", "GlobalMaxPool", (X[:, :, :, :, None],), int8_sqnr=40, judge="onnxruntime"),
]
