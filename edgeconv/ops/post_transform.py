"""What ai.onnx.ml calls the post transform of scores: none, logistic, softmax, softmax of what is not 0, probit."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.add import Sub
from edgeconv.ops.base import Expr, Operator, ShapeError, expr_type
from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Neg
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.sigmoid import Sigmoid
from edgeconv.ops.softmax import Softmax
from edgeconv.records import dataclass

__all__ = ["Probit", "SoftmaxZero", "post_transform", "two_classes"]

_NEARLY_ZERO = 1e-7
_WINITZKI = 0.147
"""The constant of Winitzki's approximation of the inverse error function, which ONNX's probit is defined by."""


class _OfScores(Operator):
    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 2 or not x.is_float:
            raise ShapeError(f"needs rows of real scores, found {x}")
        return (x.with_shape(x.shape),)


@dataclass(frozen=True)
class SoftmaxZero(_OfScores):
    """exp(x) of each row over their sum, but what is 0 stays 0 and does not count; a row of zeros becomes NaN."""

    def run(self, x: Array) -> Array:
        top = x.max(axis=1, keepdims=True, initial=-np.inf)
        with np.errstate(all="ignore"):
            shares = np.where(np.abs(x) > _NEARLY_ZERO, np.exp(x - top), x * np.exp(-top))
            return np.asarray(shares / shares.sum(axis=1, keepdims=True), x.dtype)


@dataclass(frozen=True)
class Probit(_OfScores):
    """The normal quantile, sqrt(2) * erfinv(2 x - 1), by Winitzki's approximation; NaN outside (0, 1)."""

    def run(self, x: Array) -> Array:
        centred = 2 * x.astype(np.float64) - 1
        with np.errstate(all="ignore"):
            log = np.log((1 - centred) * (1 + centred))
            half = 2 / (np.pi * _WINITZKI) + log / 2
            root = np.sqrt(np.sqrt(half * half - log / _WINITZKI) - half)
        return np.asarray(np.sqrt(2) * np.copysign(root, centred), x.dtype)


def post_transform(scores: Expr, kind: str) -> Expr:
    """`kind` of rows of scores, as ONNX names it."""
    if kind == "NONE":
        return scores
    if kind == "LOGISTIC":
        return Sigmoid()(scores)
    if kind == "SOFTMAX":
        return Softmax(1)(scores)
    if kind == "SOFTMAX_ZERO":
        return SoftmaxZero()(scores)
    if kind == "PROBIT":
        return Probit()(scores)
    raise Unsupported(f"its post_transform {kind!r} is none that ONNX knows; use NONE, LOGISTIC, SOFTMAX or PROBIT")


def two_classes(score: Expr, kind: str, *, complement: bool) -> Expr:
    """(rows, 2): the scores of both classes from that of the second one, as ONNX Runtime gives them.

    LOGISTIC is the logistic function of -score and score. Otherwise the first column is 1 - score (`complement`) or
    -score, and SOFTMAX and SOFTMAX_ZERO change nothing.
    """
    if kind == "PROBIT":
        raise Unsupported("PROBIT of one score for two classes has no agreed meaning; export the model with NONE")
    if kind == "LOGISTIC" or not complement:
        both = Concat(1)(Neg()(score), score)
        return post_transform(both, "LOGISTIC") if kind == "LOGISTIC" else both
    return Concat(1)(Sub()(np.array(1, expr_type(score).dtype), score), score)
