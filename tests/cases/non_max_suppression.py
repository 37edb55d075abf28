"""NonMaxSuppression: corners in any order and centres, limits of number, overlap and score, ties, samples, classes."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from tests.harness import Case, data

_JUDGE = "onnxruntime"
"""The reference evaluator 1.23 compares scores with the threshold, and areas, in float64."""


def _boxes(samples: int, count: int, seed: int = 0) -> Array:
    corners = data(samples, count, 4, seed=seed, low=0, high=1)
    corners[..., 2:] = corners[..., :2] + data(samples, count, 2, seed=seed + 1, low=0.05, high=0.5)
    return corners


def _limits(most: int, overlap: float, least: float) -> tuple[Array, Array, Array]:
    return np.int64([most]), np.float32([overlap]), np.float32([least])


BOXES, SCORES = _boxes(1, 40), data(1, 3, 40, low=0, high=1)
TWO, TWO_SCORES = _boxes(2, 25, seed=3), data(2, 4, 25, seed=4, low=0, high=1)
TIES = np.repeat(np.float32([[[0.5, 0.25]]]), 20, axis=2).reshape(1, 1, 40)
TURNED = BOXES[..., [2, 1, 0, 3]]
EMPTY = np.concatenate([BOXES[:, :6], np.zeros((1, 2, 4), np.float32)], axis=1)
MANY, MANY_SCORES = _boxes(1, 400, seed=7), data(1, 2, 400, seed=8, low=0, high=1).round(2)
_CONSTANT = (2, 3, 4)

CASES = [
    Case(name, "NonMaxSuppression", inputs, attributes, constants, opset=opset, batched=batched, judge=_JUDGE)
    for name, inputs, attributes, constants, opset, batched in (
        ("some", (BOXES, SCORES, *_limits(5, 0.3, 0.2)), {}, _CONSTANT, 17, (0, 1)),
        ("all of them", (BOXES, SCORES, *_limits(1000, 1.0, 0.0)), {}, _CONSTANT, 17, (0, 1)),
        ("no overlap at all", (BOXES, SCORES, *_limits(40, 0.0, 0.0)), {}, _CONSTANT, 17, (0, 1)),
        ("centres", (BOXES, SCORES, *_limits(9, 0.4, 0.1)), {"center_point_box": 1}, _CONSTANT, 17, (0, 1)),
        ("corners exchanged", (TURNED, SCORES, *_limits(9, 0.4, 0.1)), {}, _CONSTANT, 17, (0, 1)),
        ("boxes without area", (EMPTY, SCORES[..., :8], *_limits(9, 0.4, 0.0)), {}, _CONSTANT, 17, (0, 1)),
        ("two samples", (TWO, TWO_SCORES, *_limits(4, 0.3, 0.25)), {}, _CONSTANT, 17, (0, 1)),
        ("equal scores", (BOXES, TIES, *_limits(40, 0.3, 0.0)), {}, _CONSTANT, 17, (0, 1)),
        ("many, all that are apart", (MANY, MANY_SCORES, *_limits(400, 0.5, 0.1)), {}, _CONSTANT, 17, (0, 1)),
        ("many, some", (MANY, MANY_SCORES, *_limits(70, 0.7, 0.1)), {}, _CONSTANT, 17, (0, 1)),
        ("none is good enough", (BOXES, SCORES, *_limits(5, 0.3, 2.0)), {}, _CONSTANT, 17, (0, 1)),
        ("any score", (BOXES, SCORES - 1, np.int64([5]), np.float32([0.3])), {}, (2, 3), 17, (0, 1)),
        ("no overlap given", (BOXES, SCORES, np.int64([5])), {}, (2,), 17, (0, 1)),
        ("no number given", (BOXES, SCORES), {}, (), 17, (0, 1)),
        ("limits at run time", (BOXES, SCORES, *_limits(5, 0.3, 0.2)), {}, (), 17, (0, 1)),
        ("opset_10", (BOXES, SCORES, *_limits(5, 0.3, 0.2)), {}, _CONSTANT, 10, (0, 1)),
    )
]
