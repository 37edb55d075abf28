"""Range, EyeLike, Trilu, OneHot."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.harness import Case, data

X = data(2, 4, 5)
CLASSES, VALUES = np.int64([[0, 3, -1], [2, 7, 1]]), np.float32([-1, 5])

CASES = [
    *(
        Case(name, "Range", tuple(map(kind, numbers)), constants=(0, 1, 2), dynamic=None)
        for name, kind, numbers in (
            ("integers", np.int64, (2, 11, 3)),
            ("down", np.int64, (5, -2, -2)),
            ("empty", np.int64, (5, 2, 1)),
            ("floats", np.float32, (0.5, 3, 0.7)),
            ("none", np.float32, (3, 0.5, 0.7)),
        )
    ),
    Case("at run time", "Range", (np.int64(2), np.int64(11), np.int64(3)), dynamic=None),
    Case("plain", "EyeLike", (X[0],), dynamic=None),
    Case("open_rows", "EyeLike", (X[0],)),
    Case("open_columns", "EyeLike", (X[0],), {"k": 1, "dtype": TensorProto.INT64}, dynamic=1),
    Case("diagonal", "EyeLike", (X[0],), {"k": -1, "dtype": TensorProto.INT64}, dynamic=None),
    Case("upper", "Trilu", (X,)),
    Case("lower", "Trilu", (X,), {"upper": 0}),
    Case("above", "Trilu", (X, np.int64(2)), constants=(1,)),
    Case("below", "Trilu", (X.astype(np.int64), np.int64(-1)), {"upper": 0}, constants=(1,)),
    Case("last_axis", "OneHot", (CLASSES, np.int64(4), VALUES), constants=(1, 2)),
    Case("axis", "OneHot", (CLASSES, np.int64([4]), VALUES), {"axis": 1}, constants=(1, 2), judge="onnxruntime"),
    Case("first_axis", "OneHot", (CLASSES, np.int64(4), VALUES), {"axis": 0}, constants=(1,)),
    Case("depth at run time", "OneHot", (CLASSES, np.int64([4]), VALUES), {"axis": 1}, judge="onnxruntime"),
    Case("float_classes", "OneHot", (np.float32([1, 3]), np.int64(4), np.int64([0, 1])), constants=(1, 2), opset=9),
]
