"""Pad: every mode, by attributes and by inputs, on some axes, with negative pads."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 5, 6)
PADS = np.int64([0, 0, 1, 2, 0, 0, 3, 1])
MODES = ("constant", "reflect", "edge")
INTS = data(2, 3, low=-9, high=9, dtype="int64")

CASES = [
    *(Case(mode, "Pad", (X, PADS), {"mode": mode}, constants=(1,), int8_sqnr=30) for mode in MODES),
    *(Case(f"{mode}_all_axes", "Pad", (X, PADS[::-1] // 2), {"mode": mode}, (1,), int8_sqnr=30) for mode in MODES),
    *(
        Case(f"{mode}_attributes", "Pad", (X,), {"mode": mode, "pads": PADS.tolist()}, opset=9, judge="onnxruntime")
        for mode in MODES
    ),
    Case("wrap", "Pad", (X, PADS), {"mode": "wrap"}, constants=(1,), opset=19, int8_sqnr=30),
    Case("value", "Pad", (X, PADS, np.float32(1.5)), constants=(1, 2), int8_sqnr=30),
    Case("attribute_value", "Pad", (X,), {"pads": PADS.tolist(), "value": 1.5}, opset=7, judge="onnxruntime"),
    Case("axes", "Pad", (X, np.int64([1, 2, 3, 0]), None, np.int64([-1, 2])), {}, (1, 3), opset=18, int8_sqnr=30),
    Case("crop", "Pad", (X, np.int64([0, -1, 2, -2, 0, 0, -3, 1])), constants=(1,), judge="onnxruntime", int8_sqnr=30),
    Case("crop_reflect", "Pad", (X, np.int64([0, 0, 0, -2, 0, 0, -1, 1])), {"mode": "edge"}, (1,), judge="onnxruntime"),
    Case("nothing", "Pad", (X, 0 * PADS), constants=(1,)),
    Case("integers", "Pad", (INTS, np.int64([0, 1, 0, 1]), np.int64(7)), constants=(1, 2)),
    Case("bool", "Pad", (INTS > 0, np.int64([0, 1, 0, 1])), constants=(1,)),
    Case("at run time", "Pad", (X, PADS), {"mode": "reflect"}),
    Case("value at run time", "Pad", (X, PADS, np.float32(np.nan)), constants=(1,)),
    Case("all at run time", "Pad", (INTS, np.int64([0, 1, 0, 1]), np.int64(7))),
    Case("axes at run time", "Pad", (X, np.int64([1, 2, 3, 0]), None, np.int64([-1, 2])), {}, (3,), opset=18),
    Case("double", "Pad", (X.astype(np.float64), PADS, np.float64(-1)), constants=(1, 2)),
]
