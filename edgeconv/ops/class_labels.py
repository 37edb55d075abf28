"""What classifiers of ai.onnx.ml share: rows of features, and labels from the best score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.arg_extreme import ArgMax
from edgeconv.ops.base import Expr, ShapeError, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.compare import Greater
from edgeconv.ops.gather import Gather
from edgeconv.ops.onnx_rules import Names, Noted, Result
from edgeconv.ops.reshape import Reshape

__all__ = [
    "best_label",
    "class_numbers",
    "classified",
    "label_above",
    "listed_names",
    "names_note",
    "picked",
    "rows_of",
]

_MOST_NAMES = 200


def rows_of(x: Expr, dtype: str | None = None) -> Expr:
    """x as rows of real features: one row where it has one dimension, float32 (or `dtype`) where it holds integers."""
    known = expr_type(x)
    if known.rank not in (1, 2):
        raise ShapeError(f"needs rows of features, found {known}")
    wanted = dtype or (known.dtype if known.is_float else "float32")
    real = x if known.dtype == wanted else Cast(wanted)(x)
    return Reshape((1, -1))(real) if known.rank == 1 else real


def class_numbers(ints: Sequence[int], names: Sequence[str]) -> Array:
    """The labels of the classes; classes with names are numbered from 0."""
    if not ints and not names:
        raise ShapeError("it has no class labels")
    return np.array(ints, np.int64) if ints else np.arange(len(names), dtype=np.int64)


def best_label(scores: Expr, labels: Array) -> Expr:
    """(rows,): the label of the highest score, the first one of several."""
    return _pick(labels, ArgMax(1, False)(scores))


def label_above(score: Expr, threshold: float, labels: Sequence[int]) -> Expr:
    """(rows,): labels[1] where the only score is above `threshold`, else labels[0]."""
    above = Greater()(Reshape((-1,))(score), np.array(threshold, expr_type(score).dtype))
    return _pick(np.array(labels[:2], np.int64), Cast("int64")(above))


def _pick(labels: Array, index: Expr) -> Expr:
    return index if np.array_equal(labels, np.arange(len(labels))) else Gather(0)(labels, index)


def names_note(what: str, names: Sequence[str]) -> str:
    """A note that says which class each number stands for."""
    return f"{what} is the number of the class, since the device has no strings: {listed_names(names)}"


def listed_names(names: Sequence[str]) -> str:
    """Numbers and the names that they stand for, the first of many."""
    shown = ", ".join(f"{number} {name!r}" for number, name in enumerate(names[:_MOST_NAMES]))
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown


def picked(names: Names, index: Expr) -> Noted:
    """The numbers of the names at `index`, which they are themselves."""
    whole = index if expr_type(index).dtype == "int64" else Cast("int64")(index)
    return Noted((whole,), names_note("its result", names.values))


def classified(label: Expr, scores: Expr, names: Sequence[str], outputs: int) -> tuple[Result, ...] | Noted:
    """The results of a classifier; with a note where its classes have names."""
    results: tuple[Result, ...] = (label, scores)[:outputs]
    return Noted(results, names_note("its label", names)) if names else results
