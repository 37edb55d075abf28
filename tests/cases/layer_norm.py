"""LayerNorm and RmsNorm: every axis, with and without bias, the statistics as outputs."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 5, 24)
OP, RMS = "LayerNormalization", "RMSNormalization"

CASES = [
    Case("last_axis", OP, (X, data(24), data(24, seed=1)), {}, (1, 2), int8_sqnr=30),
    Case("no_bias", OP, (X, data(24)), {}, (1,), int8_sqnr=30),
    Case("axis_1", OP, (X, data(5, 24), data(5, 24, seed=1)), {"axis": 1}, (1, 2), int8_sqnr=30),
    Case("axis_0", OP, (X, data(2, 5, 24)), {"axis": -3}, (1,), dynamic=None, int8_sqnr=30),
    Case("broadcast_scale", OP, (X, data(24)), {"axis": 1}, (1,), int8_sqnr=30),
    Case("large_mean", OP, (X + 30, data(24), data(24, seed=1)), {}, (1, 2), rtol=1e-4, atol=1e-4, int8_sqnr=20),
    Case("epsilon", OP, (X * 0.01, data(24)), {"epsilon": 0.1}, (1,), int8_sqnr=30),
    Case("at_run_time", OP, (X, data(24), data(24, seed=1)), int8_sqnr=30),
    Case("long_row", OP, (data(2, 1500), data(1500), data(1500, seed=1)), {}, (1, 2), int8_sqnr=30),
    Case("with_statistics", OP, (X, data(24), data(24, seed=1)), {}, (1, 2), outputs=3),
    Case("with_mean", OP, (X, data(24), data(24, seed=1)), {}, (1, 2), outputs=2),
    Case("double", OP, tuple(x.astype(np.float64) for x in (X, data(24))), {}, (1,)),
    Case("last_axis", RMS, (X, data(24)), {}, (1,), opset=23, int8_sqnr=30),
    Case("axis_1", RMS, (X, data(5, 24)), {"axis": 1, "epsilon": 0.01}, (1,), opset=23, int8_sqnr=30),
    Case("long_row", RMS, (data(2, 1500), data(1500)), {}, (1,), opset=23, int8_sqnr=30),
]
