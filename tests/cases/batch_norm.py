"""BatchNorm: any rank, statistics constant or computed at run time."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 5, 6, 4)
P = (data(5), data(5, seed=1), data(5, seed=2), data(5, seed=3, low=0.5, high=2))
ELEMENTS = tuple(data(5, 6, 4, seed=seed, low=0.5) for seed in range(4))
OP = "BatchNormalization"

CASES = [
    Case("plain", OP, (X, *P), {}, (1, 2, 3, 4), int8_sqnr=30),
    Case("epsilon", OP, (X, *P), {"epsilon": 0.1, "momentum": 0.5}, (1, 2, 3, 4), int8_sqnr=30),
    Case("two_dimensions", OP, (X[:, :, 0, 0], *P), {}, (1, 2, 3, 4), int8_sqnr=30),
    Case("three_dimensions", OP, (X[:, :, 0], *P), {}, (1, 2, 3, 4), int8_sqnr=30),
    Case("at_run_time", OP, (X, *P), int8_sqnr=30),
    Case("double", OP, tuple(x.astype(np.float64) for x in (X, *P)), {}, (1, 2, 3, 4)),
    Case("opset_7", OP, (X, *P), {}, (1, 2, 3, 4), opset=7, int8_sqnr=30, judge="onnxruntime"),
    Case("of_elements", OP, (X, *ELEMENTS), {"spatial": 0}, (1, 2, 3, 4), opset=8, int8_sqnr=30, judge="onnxruntime"),
    Case("of_features", OP, (X[:, :, 0, 0], *P), {"spatial": 0}, (1, 2, 3, 4), opset=7, judge="onnxruntime"),
    Case("opset_9", OP, (X, *P), {}, (1, 2, 3, 4), opset=9, int8_sqnr=30, judge="onnxruntime"),
    Case("opset_14", OP, (X, *P), {"training_mode": 0}, (1, 2, 3, 4), opset=14, int8_sqnr=30),
    Case("training", OP, (X, *P), {"training_mode": 1, "momentum": 0.7}, outputs=3, opset=15),
    Case("training_2d", OP, (X[:, :, 0, 0], *P), {"training_mode": 1}, (1, 2, 3, 4), outputs=3, opset=15),
]
