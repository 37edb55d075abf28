"""TreeEnsemble: decision trees over rows of features; it stays in float, since thresholds lie closer than int8 steps.

Node numbers: 0 .. inner - 1 are tests, inner + i is leaf i. A test sends a row to `branches[node, 1]` where its feature
is at most the threshold (or is NaN, and `missing` is set), else to `branches[node, 0]`. Branches lead to higher
numbers only, so every walk ends. ONNX's other comparisons become such tests on import (`tree_tables.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.records import dataclass

__all__ = ["TreeEnsemble"]

_AGGREGATES = ("SUM", "AVERAGE", "MIN", "MAX")
_LANES = 1 << 16
"""Rows times trees (times weights of a leaf) that are walked at once: some megabytes of working memory."""


@dataclass(frozen=True)
class TreeEnsemble(Operator):
    """(rows, targets): for each row and target, the weights of the leaves reached, combined by `aggregate`.

    Inputs: x (rows, features); the tests: features, thresholds, missing (inner,), branches (inner, 2); roots (trees,);
    the leaves: their targets and weights (leaves, entries). All but x are constants. A target that no leaf of a row
    names is 0.
    """

    targets: int = 1
    aggregate: str = "SUM"

    reads_nan: ClassVar[bool] = True
    float_reason: ClassVar[str] = "it compares features with thresholds that int8 steps could not tell apart"

    def infer(
        self,
        x: TensorType,
        features: TensorType,
        thresholds: TensorType,
        missing: TensorType,
        branches: TensorType,
        roots: TensorType,
        leaf_targets: TensorType,
        weights: TensorType,
    ) -> tuple[TensorType, ...]:
        if x.rank != 2 or not x.is_float or self.aggregate not in _AGGREGATES or self.targets < 1:
            raise ShapeError(f"needs rows of real features and a target, found {x}, {self.aggregate}, {self.targets}")
        inner = thresholds.shape[:1]
        _check(features, "features", "int32", inner)
        _check(thresholds, "thresholds", x.dtype, inner)
        _check(missing, "missing", "bool", inner)
        _check(branches, "branches", "int32", (*inner, 2))
        _check(roots, "roots", "int32", roots.shape[:1])
        _check(weights, "weights", weights.dtype if weights.is_float else "float32", weights.shape[:2])
        _check(leaf_targets, "targets", "int32", weights.shape)
        if weights.rank != 2 or not roots.shape[0]:
            raise ShapeError(f"needs trees, and a table of weights, found {roots} and {weights}")
        _check_range(features, "features", 0, x.shape[1])  # where it is open, the planner checks again
        _check_range(
            branches, "branches", np.arange(1, thresholds.size + 1)[:, None], thresholds.size + weights.ints[0]
        )
        _check_range(roots, "roots", 0, thresholds.size + weights.ints[0])
        _check_range(leaf_targets, "targets", 0, self.targets)
        return (TensorType(weights.dtype, (x.shape[0], self.targets)),)

    def run(
        self,
        x: Array,
        features: Array,
        thresholds: Array,
        missing: Array,
        branches: Array,
        roots: Array,
        leaf_targets: Array,
        weights: Array,
    ) -> Array:
        forest = _Forest(features, thresholds, missing, branches, roots, leaf_targets, weights)
        out = np.empty((len(x), self.targets), weights.dtype)
        self._into(forest, x, out)
        return out

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, out = inputs[0].array, outputs[0].array
        forest = _Forest(*(inputs[position].array for position in range(1, 8)))
        return lambda: self._into(forest, x, out)

    def _into(self, forest: _Forest, x: Array, out: Array) -> None:
        for start in range(0, len(x), forest.rows_at_once):
            part = slice(start, start + forest.rows_at_once)
            out[part] = forest.combine(forest.leaves(x[part]), self.targets, self.aggregate)


class _Forest:
    """The tables, ready to be walked: all rows and trees go down one level at a time."""

    def __init__(
        self,
        features: Array,
        thresholds: Array,
        missing: Array,
        branches: Array,
        roots: Array,
        leaf_targets: Array,
        weights: Array,
    ) -> None:
        self.features, self.branches = features.astype(np.intp), branches.ravel().astype(np.intp)
        self.thresholds, self.missing = thresholds, missing if missing.any() else None
        self.roots, self.leaf_targets, self.weights = roots.astype(np.intp), leaf_targets, weights
        self.inner = len(thresholds)
        self.rows_at_once = max(1, _LANES // (len(roots) * max(1, weights.shape[1])))

    def leaves(self, x: Array) -> Array:
        """The leaf that each row reaches in each tree, (rows, trees)."""
        rows, trees = len(x), len(self.roots)
        values = np.ascontiguousarray(x).ravel()
        reached = np.tile(self.roots, rows)
        lanes = np.flatnonzero(reached < self.inner)
        node, offset = reached[lanes], lanes // trees * x.shape[1]
        while lanes.size:
            value = values[offset + self.features[node]]
            with np.errstate(invalid="ignore"):
                low = value <= self.thresholds[node]
            if self.missing is not None:
                low |= self.missing[node] & np.isnan(value)
            node = self.branches[2 * node + low]
            walking = node < self.inner
            if not walking.all():
                reached[lanes] = node
                lanes, node, offset = lanes[walking], node[walking], offset[walking]
        return (reached - self.inner).reshape(rows, trees)

    def combine(self, leaves: Array, targets: int, aggregate: str) -> Array:
        """(rows, targets): the weights of these leaves. Sums are float64."""
        rows, trees = leaves.shape
        weights = self.weights[leaves]
        if aggregate in ("MIN", "MAX"):
            return self._extremes(leaves, weights, targets, aggregate == "MIN")
        if targets == 1:
            total = weights.reshape(rows, -1).sum(axis=1, dtype=np.float64)[:, None]
        else:
            places = np.arange(rows)[:, None, None] * targets + self.leaf_targets[leaves]
            total = np.bincount(places.ravel(), weights.ravel(), rows * targets).reshape(rows, targets)
        return np.asarray(total / trees if aggregate == "AVERAGE" else total)

    def _extremes(self, leaves: Array, weights: Array, targets: int, smallest: bool) -> Array:
        out = np.full((len(leaves), targets), np.inf if smallest else -np.inf)
        places = (np.arange(len(leaves))[:, None, None], self.leaf_targets[leaves])
        (np.minimum if smallest else np.maximum).at(out, places, weights)
        return np.where(np.isinf(out), 0, out)


def _check(table: TensorType, what: str, dtype: str, shape: Sequence[object]) -> None:
    if table.value is None or table.dtype != dtype or tuple(table.shape) != tuple(shape) or not shape:
        shown = ",".join(str(size) for size in shape)
        raise ShapeError(f"its {what} must be a constant {dtype}[{shown}], found {table}")


def _check_range(table: TensorType, what: str, low: int | Array, high: object) -> None:
    value = table.value
    if value is not None and value.size and isinstance(high, int) and bool(((value < low) | (value >= high)).any()):
        raise ShapeError(f"its {what} leave the tables (numbers below {high} are there)")
