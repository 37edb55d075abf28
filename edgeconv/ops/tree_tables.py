"""The tables of TreeEnsemble from the ways in which ONNX writes trees down.

Every comparison becomes tests of the kind "x <= threshold" on the same floating-point numbers: x < t is x <= the number
below t, x > t is x <= t with the branches exchanged, and x in {a, b} asks between which of the numbers (below a, a,
below b, b) x lies. ONNX's tests are false for NaN (x != t is true), unless the node's missing_value_tracks_true is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.base import ShapeError
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.records import dataclass

__all__ = ["EQ", "GT", "GTE", "LEQ", "LT", "MEMBER", "NEQ", "Trees", "leaf_table", "test_tables"]

LEQ, LT, GTE, GT, EQ, NEQ, MEMBER = range(7)
"""Modes of a node, as TreeEnsemble (opset 5) numbers them."""

_SWAPPED, _BELOW = (GTE, GT), (LT, GTE)


@dataclass(frozen=True)
class Trees:
    """Trees as ONNX has them: for each node its feature, mode, threshold, and where it leads.

    Branches below `size` are nodes, size + i is leaf i. `members`: the set of each node of mode MEMBER.
    """

    features: Array
    modes: Array
    thresholds: Array
    missing: Array
    true_branch: Array
    false_branch: Array
    roots: Array
    members: Mapping[int, Array]

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self.features)


def test_tables(trees: Trees, leaves: int) -> tuple[Array, Array, Array, Array, Array]:
    """(features, thresholds, missing, branches, roots) of a TreeEnsemble. ShapeError for what is no forest."""
    if np.isnan(trees.thresholds[trees.modes != MEMBER]).any():
        raise Unsupported("a threshold of its trees is not a number; train the model on data without NaN thresholds")
    order = _top_down(trees, leaves)
    tests = [_tests(trees, int(node)) if trees.modes[node] >= EQ else None for node in order]
    sizes = np.array([1 if each is None else len(each) for each in tests], np.int64)
    inner = int(sizes.sum())
    place = np.full(trees.size + leaves, -1, np.int64)
    place[order] = np.cumsum(sizes) - sizes
    place[trees.size :] = inner + np.arange(leaves)
    features, thresholds, missing, branches = _plain(trees, order, place, inner)
    for node, found in zip(order, tests, strict=True):
        for offset, (threshold, low, high, nan_is_low) in enumerate(found or ()):
            at = place[node] + offset
            features[at], thresholds[at], missing[at] = trees.features[node], threshold, nan_is_low
            branches[at] = [_target(trees, place, node, goal) for goal in (high, low)]
    return features, thresholds, missing, branches, place[trees.roots].astype(np.int32)


def _plain(trees: Trees, order: Array, place: Array, inner: int) -> tuple[Array, Array, Array, Array]:
    """The tables with the nodes that are one test each filled in."""
    single = order[trees.modes[order] < EQ]
    modes, at = trees.modes[single], place[single]
    features, missing = np.zeros(inner, np.int32), np.zeros(inner, np.bool_)
    thresholds, branches = np.zeros(inner, trees.thresholds.dtype), np.zeros((inner, 2), np.int32)
    values = trees.thresholds[single]
    swapped = np.isin(modes, _SWAPPED)
    features[at] = trees.features[single]
    thresholds[at] = np.where(np.isin(modes, _BELOW), _below(values), values)
    missing[at] = trees.missing[single] != swapped
    ends = place[trees.true_branch[single]], place[trees.false_branch[single]]
    branches[at, 1], branches[at, 0] = np.where(swapped, ends[::-1], ends)
    return features, thresholds, missing, branches


def _below(values: Array) -> Array:
    """The next smaller numbers; below -infinity there is none, and no x is at most NaN."""
    with np.errstate(over="ignore"):
        smaller = np.nextafter(values, values.dtype.type(-np.inf))
    return np.asarray(np.where(np.isneginf(values), values.dtype.type(np.nan), smaller))


def _top_down(trees: Trees, leaves: int) -> Array:
    """The nodes that the roots lead to, parents first; several may lead to one node. ShapeError for a circle."""
    ends = np.concatenate([trees.true_branch, trees.false_branch, trees.roots])
    if ends.size and not (ends.min() >= 0 and ends.max() < trees.size + leaves):
        raise ShapeError("a branch of its trees leads to a node that is not there")
    levels = [_firsts(trees.roots[trees.roots < trees.size])]
    while levels[-1].size:
        if len(levels) > trees.size:
            raise ShapeError("a node of its trees leads back to itself")
        level = np.stack([trees.true_branch[levels[-1]], trees.false_branch[levels[-1]]], axis=1).ravel()
        levels.append(_firsts(level[level < trees.size]))
    return _firsts(np.concatenate(levels)[::-1])[::-1]


def _firsts(nodes: Array) -> Array:
    """Every node once, where it comes first."""
    return np.asarray(nodes[np.sort(np.unique(nodes, return_index=True)[1])])


def _target(trees: Trees, place: Array, node: int, goal: bool | int) -> int:
    if isinstance(goal, bool):
        return int(place[(trees.true_branch if goal else trees.false_branch)[node]])
    return int(place[node]) + goal


_Test = tuple[float, "bool | int", "bool | int", bool]
"""Threshold; where x at most that leads, where x above it leads (an outcome, or a test's number); NaN as the former."""


def _tests(trees: Trees, node: int) -> list[_Test]:
    """The tests of a node that asks for one of several values: a search between the numbers around them."""
    mode, negated = trees.modes[node], bool(trees.modes[node] == NEQ)
    values = np.unique(trees.members[node] if mode == MEMBER else trees.thresholds[node : node + 1])
    values = values[~np.isnan(values)].astype(trees.thresholds.dtype)
    bounds = np.stack([_below(values), values], axis=1).ravel().tolist()
    outcomes = [(place % 2 == 1) != negated for place in range(len(bounds) + 1)]
    nan_outcome = negated or bool(trees.missing[node])
    if not bounds:
        return [(0.0, False, False, False)]
    goal = outcomes.index(nan_outcome) if outcomes[-1] != nan_outcome else len(bounds)
    return list(_search(bounds, outcomes, 0, len(bounds), goal, 0))


def _search(bounds: list[float], outcomes: list[bool], low: int, high: int, goal: int, at: int) -> Iterator[_Test]:
    """Tests in preorder, numbered from `at`, that find the interval of x among bounds[low:high]; NaN goes to `goal`."""
    middle = (low + high) // 2
    before, after = middle - low, high - middle - 1
    yes = at + 1 if before else outcomes[middle]
    no = at + 1 + before if after else outcomes[middle + 1]
    yield bounds[middle], yes, no, goal <= middle
    if before:
        yield from _search(bounds, outcomes, low, middle, goal, at + 1)
    if after:
        yield from _search(bounds, outcomes, middle + 1, high, goal, at + 1 + before)


def leaf_table(leaf: Array, target: Array, weight: Array, leaves: int, *, repeat: bool) -> tuple[Array, Array]:
    """(targets, weights), each (leaves, entries), from a list of entries; a leaf with fewer of them gets zeros.

    `repeat`: it gets its first entry again instead, which changes no minimum and no maximum.
    """
    order = np.lexsort((target, leaf))
    leaf, target, weight = leaf[order], target[order], weight[order]
    counts = np.bincount(leaf, minlength=leaves)
    entries = max(1, int(counts.max(initial=0)))
    first = np.cumsum(counts) - counts
    targets, weights = np.zeros((leaves, entries), np.int32), np.zeros((leaves, entries), weight.dtype)
    if repeat:
        if (counts == 0).any():
            raise Unsupported(
                "a leaf of its trees has no weight, which has no minimum; retrain with weights everywhere"
            )
        targets[:], weights[:] = target[first][:, None], weight[first][:, None]
    position = np.arange(len(leaf)) - first[leaf]
    targets[leaf, position], weights[leaf, position] = target, weight
    return targets, weights
