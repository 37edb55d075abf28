"""GroupNorm (and instance normalisation), LRN, normalisation by Lp norm and by mean and variance."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 6, 5, 4)
P = (data(6, seed=1), data(6, seed=2))
GROUP, INSTANCE = "GroupNormalization", "InstanceNormalization"

CASES = [
    Case("plain", INSTANCE, (X, *P), {}, (1, 2), int8_sqnr=30),
    Case("one_dimension", INSTANCE, (X[:, :, 0], *P), {"epsilon": 0.01}, (1, 2), int8_sqnr=30),
    Case("at_run_time", INSTANCE, (X, *P), int8_sqnr=30),
    Case("double", INSTANCE, tuple(x.astype(np.float64) for x in (X, *P)), {}, (1, 2)),
    Case("plain", GROUP, (X, *P), {"num_groups": 3}, (1, 2), opset=21, int8_sqnr=30),
    Case("one_group", GROUP, (X, *P), {"num_groups": 1, "epsilon": 0.1}, (1, 2), opset=21, int8_sqnr=30),
    Case("no_space", GROUP, (X[:, :, 0, 0], *P), {"num_groups": 2}, (1, 2), opset=21, int8_sqnr=30),
    Case("per_group", GROUP, (X, data(3), data(3, seed=1)), {"num_groups": 3}, (1, 2), opset=18, int8_sqnr=30),
    Case("per_group_at_run_time", GROUP, (X, data(3), data(3, seed=1)), {"num_groups": 3}, opset=18),
    Case("size_3", "LRN", (X,), {"size": 3}, judge="onnxruntime"),
    Case("even_size", "LRN", (data(6, 6, 3, 4),), {"size": 4, "alpha": 0.2, "beta": 0.5, "bias": 2.0}),
    Case("wider_than_channels", "LRN", (X,), {"size": 99, "alpha": 0.2}, judge="onnxruntime"),
    Case("default", "LpNormalization", (X,)),
    Case("p_1", "LpNormalization", (X,), {"axis": 1, "p": 1}, judge="onnxruntime"),
    Case("p_2", "LpNormalization", (X,), {"axis": -2, "p": 2}, opset=22),
    Case("zeros", "LpNormalization", (X * (X > 1.9),), {"axis": -1}, opset=22, judge="onnxruntime"),
    Case("default", "MeanVarianceNormalization", (X,), dynamic=None),
    Case("axes", "MeanVarianceNormalization", (X,), {"axes": [1, -1]}, opset=13),
]
