"""PRelu: slopes per channel, per element, scalar; constant or not."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, CHANNELS = data(2, 3, 4, 5), data(3, 1, 1, low=-0.5, high=0.5)

CASES = [
    Case("channels", "PRelu", (X, CHANNELS), constants=(1,), int8_sqnr=30),
    Case("scalar", "PRelu", (X, CHANNELS[:1, 0, 0]), constants=(1,), int8_sqnr=30),
    Case("elements", "PRelu", (X, data(3, 4, 5)), constants=(1,), int8_sqnr=30),
    Case("at_run_time", "PRelu", (X, CHANNELS), int8_sqnr=30),
    Case("double", "PRelu", (X.astype(np.float64), CHANNELS.astype(np.float64)), constants=(1,)),
    Case("opset_7", "PRelu", (X, CHANNELS), constants=(1,), opset=7, int8_sqnr=30),
]
