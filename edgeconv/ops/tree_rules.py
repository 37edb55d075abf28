"""Import rules of the tree ensembles of ai.onnx.ml, in both spellings, onto TreeEnsemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.add import Add
from edgeconv.ops.base import Expr, Ref, ShapeError, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.class_labels import best_label, class_numbers, classified, label_above, rows_of
from edgeconv.ops.linear_model import transformed
from edgeconv.ops.onnx_rules import Noted, Result, Unsupported, onnx_rule
from edgeconv.ops.post_transform import post_transform as post
from edgeconv.ops.post_transform import two_classes
from edgeconv.ops.tree_ensemble import TreeEnsemble
from edgeconv.ops.tree_tables import EQ, GT, GTE, LEQ, LT, MEMBER, NEQ, Trees, leaf_table, test_tables

__all__: list[str] = []

_MODES = {
    "BRANCH_LEQ": LEQ,
    "BRANCH_LT": LT,
    "BRANCH_GTE": GTE,
    "BRANCH_GT": GT,
    "BRANCH_EQ": EQ,
    "BRANCH_NEQ": NEQ,
    "LEAF": -1,
}
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_LISTS = ("featureids", "modes", "nodeids", "treeids", "truenodeids", "falsenodeids")


@onnx_rule("TreeEnsembleRegressor", domain="ai.onnx.ml")
def import_tree_ensemble_regressor(
    x: Ref,
    *,
    n_targets: int = 1,
    aggregate_function: str = "SUM",
    post_transform: str = "NONE",
    base_values: Sequence[float] = (),
    base_values_as_tensor: Array | None = None,
    target_treeids: Sequence[int],
    target_nodeids: Sequence[int],
    target_ids: Sequence[int],
    target_weights: Sequence[float] = (),
    target_weights_as_tensor: Array | None = None,
    **nodes: Any,
) -> Expr:
    """Each tree's leaf gives weights to targets; ONNX Runtime transforms a single target by PROBIT only."""
    entries = (target_treeids, target_nodeids, target_ids, _numbers(target_weights, target_weights_as_tensor))
    scores = _scores(x, nodes, entries, n_targets, aggregate_function)
    bases = _numbers(base_values, base_values_as_tensor)
    if bases.size == n_targets and bases.any():
        scores = Add()(scores, bases.astype(expr_type(scores).dtype))
    return _float32(transformed(scores, post_transform))


@onnx_rule("TreeEnsembleClassifier", domain="ai.onnx.ml")
def import_tree_ensemble_classifier(
    x: Ref,
    *,
    classlabels_int64s: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (),
    post_transform: str = "NONE",
    base_values: Sequence[float] = (),
    base_values_as_tensor: Array | None = None,
    class_treeids: Sequence[int],
    class_nodeids: Sequence[int],
    class_ids: Sequence[int],
    class_weights: Sequence[float] = (),
    class_weights_as_tensor: Array | None = None,
    outputs: int = 2,
    **nodes: Any,
) -> tuple[Result, ...] | Noted:
    """Labels and scores. Where all weights speak of class 0 of two, they are the score of the second class."""
    labels = class_numbers(classlabels_int64s, classlabels_strings)
    weights = _numbers(class_weights, class_weights_as_tensor)
    alone = set(class_ids) == {0} and len(labels) <= 2
    scores = _scores(x, nodes, (class_treeids, class_nodeids, class_ids, weights), 1 if alone else len(labels), "SUM")
    bases = _numbers(base_values, base_values_as_tensor)
    if bases.any():
        if bases.size != expr_type(scores).shape[1]:
            raise Unsupported(
                f"{bases.size} base values for {expr_type(scores).shape[1]} scores have no agreed meaning"
            )
        scores = Add()(scores, bases.astype(expr_type(scores).dtype))
    if not alone:
        label, real = best_label(scores, labels), _float32(post(scores, post_transform))
    elif len(labels) == 1:
        label, real = label_above(scores, 0, (0, 1)), _float32(transformed(scores, post_transform))
    else:
        positive = bool((weights >= 0).all())
        label = label_above(scores, 0.5 if positive else 0.0, labels.tolist())
        real = _float32(two_classes(scores, post_transform, complement=positive))
    return classified(label, real, classlabels_strings, outputs)


@onnx_rule("TreeEnsemble", domain="ai.onnx.ml", since=5)
def import_tree_ensemble(
    x: Ref,
    *,
    aggregate_function: int = 1,
    post_transform: int = 0,
    n_targets: int = 1,
    tree_roots: Sequence[int],
    nodes_featureids: Sequence[int],
    nodes_splits: Array,
    nodes_modes: Array,
    nodes_truenodeids: Sequence[int],
    nodes_falsenodeids: Sequence[int],
    nodes_trueleafs: Sequence[int],
    nodes_falseleafs: Sequence[int],
    leaf_targetids: Sequence[int],
    leaf_weights: Array,
    nodes_missing_value_tracks_true: Sequence[int] = (),
    nodes_hitrates: Array | None = None,
    membership_values: Array | None = None,
) -> Expr:
    """Opset 5: nodes and leaves are numbered apart, over all trees, and a leaf has one weight."""
    modes, size = nodes_modes.reshape(-1).astype(np.int64), len(nodes_featureids)
    if modes.size and not (modes.min() >= 0 and modes.max() <= MEMBER):
        raise ShapeError("its nodes_modes hold a number that is no mode")
    lists = (nodes_truenodeids, nodes_trueleafs, nodes_falsenodeids, nodes_falseleafs)
    if any(len(each) != size for each in (modes, nodes_splits.reshape(-1), *lists)):
        raise ShapeError("its lists of nodes have different lengths")
    trees = Trees(
        np.array(nodes_featureids, np.int64),
        modes,
        nodes_splits.reshape(-1),
        _flags(nodes_missing_value_tracks_true, size),
        _ends(nodes_truenodeids, nodes_trueleafs, size),
        _ends(nodes_falsenodeids, nodes_falseleafs, size),
        np.array(tree_roots, np.int64),
        _members(modes, membership_values),
    )
    leaf, weights = np.arange(len(leaf_targetids)), leaf_weights.reshape(-1)
    _require_equal(leaf, weights)
    aggregate = _AGGREGATES[aggregate_function] if 0 <= aggregate_function < len(_AGGREGATES) else ""
    kind = _TRANSFORMS[post_transform] if 0 <= post_transform < len(_TRANSFORMS) else str(post_transform)
    scores = _forest(x, trees, (leaf, np.array(leaf_targetids, np.int64), weights), leaf.size, n_targets, aggregate)
    found = transformed(scores, kind)
    return found if expr_type(found).dtype == x.type.dtype or not x.type.is_float else Cast(x.type.dtype)(found)


def _scores(
    x: Ref,
    nodes: dict[str, Any],
    entries: tuple[Sequence[int], Sequence[int], Sequence[int], Array],
    targets: int,
    how: str,
) -> Expr:
    """The scores of trees in the older spelling: leaves are nodes, found by tree and number."""
    fields = _node_fields(nodes)
    modes = np.array([_mode(mode) for mode in fields["modes"]], np.int64)
    numbers = _Numbers(fields["treeids"], fields["nodeids"])
    is_leaf = modes < 0
    inner, leaves = int((~is_leaf).sum()), int(is_leaf.sum())
    place = np.where(is_leaf, inner + np.cumsum(is_leaf) - 1, np.cumsum(~is_leaf) - 1)
    keep = np.flatnonzero(~is_leaf)
    tree = np.array(fields["treeids"], np.int64)
    true_branch, false_branch = (
        place[numbers.find(tree[keep], np.array(fields[name], np.int64)[keep])]
        for name in ("truenodeids", "falsenodeids")
    )
    missing = _flags(fields["missing_value_tracks_true"], len(modes))
    thresholds = fields["values"][keep]
    features = np.array(fields["featureids"], np.int64)[keep]
    roots = place[numbers.roots]
    trees = Trees(features, modes[keep], thresholds, missing[keep], true_branch, false_branch, roots, {})
    owner = numbers.find(np.array(entries[0], np.int64), np.array(entries[1], np.int64))
    target, weight = np.array(entries[2], np.int64), entries[3]
    _require_equal(owner, target, weight)
    real = is_leaf[owner]
    leaf = place[owner[real]] - inner
    return _forest(x, trees, (leaf, target[real], weight[real]), leaves, targets, how)


def _forest(x: Ref, trees: Trees, entries: tuple[Array, Array, Array], leaves: int, targets: int, how: str) -> Expr:
    """TreeEnsemble on these trees, and (leaf, target, weight) entries."""
    leaf, target, weight = entries
    if target.size and not (target.min() >= 0 and target.max() < targets):
        raise ShapeError(f"a weight of its leaves is for target {target.max()} of {targets}")
    features, thresholds, missing, branches, roots = test_tables(trees, leaves)
    leaf_targets, weights = leaf_table(leaf, target, weight, leaves, repeat=how in ("MIN", "MAX"))
    dtype = np.result_type(thresholds.dtype, x.type.dtype if x.type.is_float else "float32").name
    rows, tables = rows_of(x, dtype), (features, thresholds.astype(dtype), missing, branches, roots)
    return TreeEnsemble(targets, how)(rows, *tables, leaf_targets, weights)


def _node_fields(nodes: dict[str, Any]) -> dict[str, Any]:
    """The `nodes_*` attributes by the rest of their names; ShapeError where they are incomplete or unknown."""
    fields = {name.removeprefix("nodes_"): value for name, value in nodes.items()}
    fields["values"] = _numbers(fields.get("values", ()), fields.pop("values_as_tensor", None))
    fields.setdefault("missing_value_tracks_true", ())
    for unread in ("hitrates", "hitrates_as_tensor"):
        fields.pop(unread, None)
    lengths = {name: len(fields.get(name, ())) for name in (*_LISTS, "values")}
    unknown = set(fields) - {*_LISTS, "values", "missing_value_tracks_true"}
    if unknown or len(set(lengths.values())) != 1 or not lengths["modes"]:
        raise ShapeError(f"its lists of nodes do not fit together: {lengths}{''.join(sorted(unknown))}")
    return fields


class _Numbers:
    """Where the node with a number is in its tree."""

    def __init__(self, trees: Sequence[int], nodes: Sequence[int]) -> None:
        tree, node = np.array(trees, np.int64), np.array(nodes, np.int64)
        self._trees, self._nodes = np.unique(tree), np.unique(node)
        keys = self._key(tree, node)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        if (self._keys[1:] == self._keys[:-1]).any():
            raise ShapeError("a node of its trees is there twice")
        self.roots = np.sort(np.unique(tree, return_index=True)[1])

    def find(self, tree: Array, node: Array) -> Array:
        """The positions of nodes; ShapeError where one is not there."""
        return np.asarray(self._order[_position(self._keys, self._key(tree, node))])

    def _key(self, tree: Array, node: Array) -> Array:
        return np.asarray(_position(self._trees, tree) * len(self._nodes) + _position(self._nodes, node))


def _position(known: Array, wanted: Array) -> Array:
    """Where values are in a sorted array; ShapeError where one is not."""
    found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    if (known[found] != wanted).any():
        raise ShapeError("its trees refer to a node that is not there")
    return np.asarray(found)


def _mode(name: str) -> int:
    if name not in _MODES:
        raise ShapeError(f"a node of its trees has the mode {name!r}, which ONNX does not know")
    return _MODES[name]


def _members(modes: Array, values: Array | None) -> Mapping[int, Array]:
    """The set of each node of mode MEMBER, in their order; NaN ends a set."""
    nodes = np.flatnonzero(modes == MEMBER)
    flat = np.zeros(0, np.float32) if values is None else values.reshape(-1)
    ends = np.flatnonzero(np.isnan(flat))
    if len(ends) != len(nodes):
        raise ShapeError(f"it has {len(nodes)} nodes that ask for membership, and {len(ends)} sets of members")
    starts = [0, *(ends + 1).tolist()]
    return {int(node): flat[start:end] for node, start, end in zip(nodes, starts, ends, strict=False)}


def _ends(numbers: Sequence[int], leaf: Sequence[int], size: int) -> Array:
    return np.array(numbers, np.int64) + np.where(np.array(leaf, np.int64) != 0, size, 0)


def _flags(given: Sequence[int], size: int) -> Array:
    if len(given) not in (0, size):
        raise ShapeError(f"it has {len(given)} flags for missing values, and {size} nodes")
    return np.array(given, np.int64) != 0 if len(given) else np.zeros(size, np.bool_)


def _numbers(values: Sequence[float], tensor: Array | None) -> Array:
    """An attribute that comes as floats or as a tensor."""
    return np.array(values, np.float32) if tensor is None else tensor.reshape(-1)


def _require_equal(*lists: Array) -> None:
    if len({len(each) for each in lists}) != 1:
        raise ShapeError("its lists of weights have different lengths")


def _float32(scores: Expr) -> Expr:
    return scores if expr_type(scores).dtype == "float32" else Cast("float32")(scores)
