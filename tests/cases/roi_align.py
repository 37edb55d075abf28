"""RoiAlign: means and maxima, both coordinate systems, adaptive numbers of points, boxes that leave the map."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 8, 9)
BOXES = np.float32([[0, 0, 7, 6], [2.3, 1.1, 8.9, 5.2], [-3, -2, 12, 14], [4, 4, 4.2, 4.1]])
SAMPLES = np.int64([0, 1, 1, 0])
SIZE = {"output_height": 3, "output_width": 4}

CASES = [
    Case("mean", "RoiAlign", (X, BOXES, SAMPLES), {**SIZE, "sampling_ratio": 2}, opset=16),
    Case("mean_22", "RoiAlign", (X, BOXES, SAMPLES), {**SIZE, "sampling_ratio": 3}, opset=22),
    Case("scaled", "RoiAlign", (X, BOXES * 4, SAMPLES), {**SIZE, "sampling_ratio": 2, "spatial_scale": 0.25}, opset=16),
    Case("adaptive", "RoiAlign", (X, BOXES, SAMPLES), SIZE, (1, 2), opset=16),
    Case(
        "corners",
        "RoiAlign",
        (X, BOXES, SAMPLES),
        {**SIZE, "sampling_ratio": 2, "coordinate_transformation_mode": "output_half_pixel"},
        opset=16,
    ),
    Case("maximum", "RoiAlign", (X, BOXES, SAMPLES), {**SIZE, "sampling_ratio": 2, "mode": "max"}, opset=16),
    Case("old", "RoiAlign", (X, BOXES, SAMPLES), {**SIZE, "sampling_ratio": 2}, opset=10, judge="onnxruntime"),
    Case("maximum_adaptive", "RoiAlign", (X, BOXES, SAMPLES), {**SIZE, "mode": "max"}, opset=16),
]
