"""GridSample: every mode, padding and alignment; one, two and three dimensions; points outside."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X, GRID = data(2, 3, 5, 6), data(2, 4, 3, 2, low=-1.3, high=1.3)
FAR = data(2, 4, 3, 2, seed=1, low=-4, high=4)
VOLUME = (data(2, 2, 3, 4, 5), data(2, 3, 2, 2, 3, low=-1.2, high=1.2))
BATCHED = (0, 1)

CASES = [
    *(
        Case(
            f"{mode}_{padding}_{align}",
            "GridSample",
            (X, GRID),
            {"mode": mode, "padding_mode": padding, "align_corners": align},
            batched=BATCHED,
            opset=20,
            atol=1e-4,  # cubic: the reference evaluator rounds its coefficients to float32
        )
        for mode in ("linear", "nearest", "cubic")
        for padding in ("zeros", "border", "reflection")
        for align in (0, 1)
    ),
    Case("far_zeros", "GridSample", (X, FAR), batched=BATCHED, opset=20, atol=1e-4),
    Case(
        "far_reflection", "GridSample", (X, FAR), {"padding_mode": "reflection"}, batched=BATCHED, opset=20, atol=1e-4
    ),
    Case("old_names", "GridSample", (X, GRID), {"mode": "bilinear"}, batched=BATCHED, opset=16, judge="onnxruntime"),
    Case("known_grid", "GridSample", (X, GRID), {}, (1,), dynamic=None, opset=20, atol=1e-4),
    Case("volume", "GridSample", VOLUME, batched=BATCHED, opset=20, atol=1e-4),
    Case("volume_nearest", "GridSample", VOLUME, {"mode": "nearest"}, batched=BATCHED, opset=20),
    Case("double", "GridSample", (X.astype(np.float64), GRID.astype(np.float64)), batched=BATCHED, opset=20, atol=1e-4),
]
