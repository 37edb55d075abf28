"""DFT both ways, one-sided or not, and STFT and MelWeightMatrix around it."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

REAL, COMPLEX = data(2, 10, 1), data(2, 10, 2)
MAPS = data(2, 6, 5, 2)
SIGNAL = data(2, 40, 1)
LENGTH, AXIS, STEP = np.int64(16), np.int64(1), np.int64(8)
MEL = (np.int64(8), np.int64(64), np.int64(8000), np.float32(100), np.float32(3500))

CASES = [
    Case("real", "DFT", (REAL,), opset=20),
    Case("complex", "DFT", (COMPLEX,), opset=20),
    Case("padded", "DFT", (COMPLEX, LENGTH), {}, (1,), opset=20),
    Case("cut", "DFT", (COMPLEX, np.int64(7)), {}, (1,), opset=20),
    Case("axis", "DFT", (MAPS, None, AXIS), {}, (2,), opset=20),
    Case("one_sided", "DFT", (REAL, None, AXIS), {"onesided": 1}, (2,), opset=20),
    Case("inverse", "DFT", (COMPLEX,), {"inverse": 1}, opset=20),
    Case("inverse_one_sided", "DFT", (COMPLEX,), {"inverse": 1, "onesided": 1}, opset=20),
    Case("double", "DFT", (COMPLEX.astype(np.float64),), opset=20),
    Case("attribute", "DFT", (MAPS,), {"axis": 2}, opset=17),
    Case("attribute_one_sided", "DFT", (REAL, LENGTH), {"axis": 1, "onesided": 1}, (1,), opset=17),
    Case("window", "STFT", (SIGNAL, STEP, np.hanning(16).astype(np.float32)), {"onesided": 1}, (1, 2)),
    Case("of_rows", "STFT", (data(2, 40), STEP, data(16), LENGTH), {"onesided": 1}, (1, 3), judge="onnxruntime"),
    Case("length", "STFT", (SIGNAL, STEP, None, LENGTH), {"onesided": 1}, (1, 3)),
    Case("two_sided", "STFT", (SIGNAL, STEP, data(16), LENGTH), {"onesided": 0}, (1, 3)),
    Case("window_at_run_time", "STFT", (data(2, 40, 2), STEP, data(12)), {"onesided": 0}, (1,)),
    Case("mel", "MelWeightMatrix", MEL, {}, range(5), dynamic=None),
    Case("many_bins", "MelWeightMatrix", (np.int64(40), *MEL[1:]), {}, range(5), dynamic=None),
    Case("double", "MelWeightMatrix", MEL, {"output_datatype": 11}, range(5), dynamic=None),
]
