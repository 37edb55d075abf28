"""NonMaxSuppression: of boxes that overlap, the one with the highest score.

All arithmetic is elementwise, in float32 and in ONNX Runtime's order, so that every device picks the same boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.dims import counted
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["NonMaxSuppression"]

_BLOCK = 64
"""Boxes that are held against those picked before, and against each other, at once."""


@dataclass(frozen=True)
class NonMaxSuppression(Operator):
    """Boxes (N, boxes, 4) and scores (N, classes, boxes) -> int64 (count, 3): sample, class, box.

    Boxes are two opposite corners (y, x, y, x), or with `center` (x, y, width, height). Optional inputs: the most boxes
    of a class and sample (none without it), the overlap (intersection over union) above which a box goes, the score
    that a box must exceed. Samples and classes in order, boxes by falling score. `label` names the count.
    """

    label: str
    center: bool = False

    measures: ClassVar[bool] = False

    def infer(
        self,
        boxes: TensorType,
        scores: TensorType,
        most: TensorType | None = None,
        overlap: TensorType | None = None,
        least: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        if boxes.rank != 3 or scores.rank != 3 or boxes.shape[2] != 4 or not boxes.dtype == scores.dtype == "float32":
            raise ShapeError(f"needs boxes (N, boxes, 4) and scores (N, classes, boxes), found {boxes} and {scores}")
        for mine, other in ((boxes.shape[0], scores.shape[0]), (boxes.shape[1], scores.shape[2])):
            if isinstance(mine, int) and isinstance(other, int) and mine != other:
                raise ShapeError(f"boxes {boxes} and scores {scores} do not belong together")
        for known, kind in ((most, "int64"), (overlap, "float32"), (least, "float32")):
            if known is not None and (known.dtype != kind or not known.is_static or known.size != 1):
                raise ShapeError(f"its limits are numbers, int64 and float32; found {known}")
        given = [known for known in (boxes, scores, most, overlap, least) if known is not None]
        if any(known.value is None or known.value.dtype == object for known in given):
            return (TensorType("int64", (counted(self.label), 3)),)
        assert boxes.value is not None and scores.value is not None
        limits = (None if known is None else known.value for known in (most, overlap, least))
        return (TensorType("int64", self.run(boxes.value, scores.value, *limits).shape),)

    def run(
        self,
        boxes: Array,
        scores: Array,
        most: Array | None = None,
        overlap: Array | None = None,
        least: Array | None = None,
    ) -> Array:
        if boxes.shape[:2] != (scores.shape[0], scores.shape[2]):
            raise ValueError(f"{boxes.shape} boxes do not belong to {scores.shape} scores")
        limit = 0 if most is None else int(most.reshape(()))
        above = np.float32(0) if overlap is None else np.float32(overlap.reshape(()))
        floor = None if least is None else np.float32(least.reshape(()))
        found: list[tuple[int, int, int]] = []
        for sample in range(len(boxes)):
            corners = _corners(boxes[sample], self.center)
            for kind, each in enumerate(scores[sample]):
                kept = [] if limit <= 0 else [*_best(corners, each, limit, above, floor)]
                found.extend((sample, kind, box) for box in kept)
        return np.array(found, np.int64).reshape(-1, 3)


def _corners(boxes: Array, center: bool) -> Array:
    """Rows low y, low x, high y, high x, and the area: (5, boxes)."""
    a, b, c, d = boxes.T
    if center:
        half_width, half_height = c / 2, d / 2
        low, high = (b - half_height, a - half_width), (b + half_height, a + half_width)
    else:
        low, high = (np.minimum(a, c), np.minimum(b, d)), (np.maximum(a, c), np.maximum(b, d))
    return np.stack([*low, *high, (high[0] - low[0]) * (high[1] - low[1])])


def _best(corners: Array, scores: Array, limit: int, above: np.float32, floor: np.float32 | None) -> Iterator[int]:
    """The boxes of one class, best first; of equal scores, the first."""
    places = np.arange(len(scores)) if floor is None else np.flatnonzero(scores > floor)
    places = places[np.argsort(-scores[places], kind="stable")]
    kept = corners[:, :0]
    for start in range(0, len(places), _BLOCK):
        block = places[start : start + _BLOCK]
        block = block[_is_apart(kept[:, :, None], corners[:, None, block], above).all(0)]
        mine = corners[:, block]
        apart, picked = _is_apart(mine[:, :, None], mine[:, None], above), list[int]()
        is_free = np.ones(len(block), bool)
        for place in range(len(block)):
            if is_free[place]:
                yield int(block[place])
                picked.append(place)
                is_free &= apart[place]
                limit -= 1
                if not limit:
                    return
        kept = np.concatenate([kept, mine[:, picked]], axis=1)


def _is_apart(one: Array, others: Array, above: np.float32) -> Array:
    """Which of `others` share no more than `above` of their union with `one`, by broadcasting; 0 / 0 is no overlap."""
    sides = np.minimum(one[2:4], others[2:4])
    sides -= np.maximum(one[:2], others[:2])
    np.maximum(sides, 0, out=sides)
    shared = sides[0] * sides[1]
    union = one[4] + others[4]
    union -= shared
    with np.errstate(divide="ignore", invalid="ignore"):
        shared /= union
    is_apart: Array = ~(shared > above)
    return is_apart


@onnx_rule("NonMaxSuppression", since=10)
def import_non_max_suppression(
    boxes: Ref,
    scores: Ref,
    most: Ref | None = None,
    overlap: Ref | None = None,
    least: Ref | None = None,
    *,
    center_point_box: int = 0,
    label: str,
) -> Expr:
    """The selected boxes."""
    return NonMaxSuppression(label, bool(center_point_box))(boxes, scores, most, overlap, least)
