"""Support vector machines of ai.onnx.ml: kernels of features and support vectors, and probabilities from pairs.

They stay in float: distances to support vectors span many orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Inputs, Operator, Ref, ShapeError, expr_type
from edgeconv.ops.broadcast import fits
from edgeconv.ops.cast import Cast
from edgeconv.ops.class_labels import best_label, class_numbers, classified, label_above, rows_of
from edgeconv.ops.compare import Greater
from edgeconv.ops.linear_model import LinearModel, linear_scores
from edgeconv.ops.onnx_rules import Noted, Result, Unsupported, onnx_rule
from edgeconv.ops.post_transform import post_transform as post
from edgeconv.ops.post_transform import two_classes
from edgeconv.ops.reshape import Reshape
from edgeconv.records import dataclass

__all__ = ["PairProbabilities", "VectorKernel"]

_KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")
_ROUNDS = 100
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class VectorKernel(Operator):
    """(rows, vectors) in float64: the kernel of each row of x and each support vector, (vectors, features).

    Large coefficients of both signs follow, which would make the rounding of float32 much larger than it is.

    With p the product of the two: LINEAR p, POLY (gamma p + coef0) ** degree, SIGMOID tanh(gamma p + coef0), RBF
    exp(-gamma |x - v|^2).
    """

    kernel: str
    gamma: float = 0.0
    coef0: float = 0.0
    degree: float = 0.0

    float_reason: ClassVar[str] = "its kernel values span more orders of magnitude than int8 holds"

    def infer(self, x: TensorType, vectors: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 2 or vectors.rank != 2 or not fits(x.shape[1:], vectors.shape[1:]) or self.kernel not in _KERNELS:
            raise ShapeError(f"needs rows like its vectors, and a kernel, found {x}, {vectors} and {self.kernel!r}")
        if not x.is_float or x.dtype != vectors.dtype:
            raise ShapeError(f"needs real numbers of one dtype, found {x} and {vectors}")
        return (TensorType("float64", (x.shape[0], vectors.shape[0])),)

    def run(self, x: Array, vectors: Array) -> Array:
        x, vectors = x.astype(np.float64), vectors.astype(np.float64)
        if self.kernel == "RBF":
            return np.asarray(np.exp(-self.gamma * _distances(x, vectors)))
        product = np.asarray(x @ vectors.T)
        if self.kernel == "LINEAR":
            return product
        inner = self.gamma * product + self.coef0
        with np.errstate(all="ignore"):
            return np.asarray(np.tanh(inner) if self.kernel == "SIGMOID" else inner**self.degree)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * int(inputs[1].ints[1])


def _distances(x: Array, vectors: Array) -> Array:
    """Squared distances of rows, both in float64: (|x|^2 - 2 x v + |v|^2) keeps enough digits there."""
    squares = np.square(x).sum(axis=1)[:, None] + np.square(vectors).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * (x @ vectors.T), 0))


@dataclass(frozen=True)
class PairProbabilities(Operator):
    """(rows, classes): the class probabilities that agree best with those of all pairs of classes.

    Inputs: scores (rows, pairs) in the order (0, 1), (0, 2), ...; slope and offset (pairs,) of each pair's sigmoid.
    Wu, Lin and Weng, Probability estimates for multi-class classification by pairwise coupling (2004), algorithm 2.
    """

    classes: int

    float_reason: ClassVar[str] = "it iterates until its probabilities settle"

    def infer(self, scores: TensorType, slope: TensorType, offset: TensorType) -> tuple[TensorType, ...]:
        pairs = self.classes * (self.classes - 1) // 2
        if (
            not 2 <= self.classes <= _MOST_CLASSES
            or scores.rank != 2
            or scores.shape[1] != pairs
            or not scores.is_float
        ):
            raise ShapeError(f"needs the real scores of all pairs of {self.classes} classes, found {scores}")
        if not slope.shape == offset.shape == (pairs,) or {slope.dtype, offset.dtype} != {scores.dtype}:
            raise ShapeError(f"needs a slope and an offset of each pair, found {slope} and {offset}")
        return (scores.with_shape((scores.shape[0], self.classes)),)

    def run(self, scores: Array, slope: Array, offset: Array) -> Array:
        with np.errstate(over="ignore"):
            first = np.clip(1 / (1 + np.exp(scores.astype(np.float64) * slope + offset)), 1e-7, 1 - 1e-7)
        pair = np.zeros((len(scores), self.classes, self.classes))
        high, low = np.triu_indices(self.classes, 1)
        pair[:, high, low], pair[:, low, high] = first, 1 - first
        return np.asarray(_coupled(pair), scores.dtype)


def _coupled(pair: Array) -> Array:
    """p minimising sum over i, j of (pair[j, i] p[i] - pair[i, j] p[j])^2, row by row; rows stop on their own."""
    rows, classes, _ = pair.shape
    q = -pair * pair.transpose(0, 2, 1)
    diagonal = np.square(pair).sum(axis=1)
    q[:, np.arange(classes), np.arange(classes)] = diagonal
    p = np.full((rows, classes), 1 / classes)
    active = np.arange(rows)
    for _ in range(_ROUNDS):
        gradient = np.einsum("rij,rj->ri", q[active], p[active])
        level = (p[active] * gradient).sum(axis=1)
        going = np.abs(gradient - level[:, None]).max(axis=1, initial=0) >= 0.005 / classes
        active, gradient, level = active[going], gradient[going], level[going]
        if not active.size:
            break
        for i in range(classes):
            step = (level - gradient[:, i]) / diagonal[active, i]
            level = (level + step * (step * diagonal[active, i] + 2 * gradient[:, i])) / (1 + step) ** 2
            gradient = (gradient + step[:, None] * q[active, i]) / (1 + step)[:, None]
            p[active, i] += step
            p[active] /= (1 + step)[:, None]
    return p


@onnx_rule("SVMRegressor", domain="ai.onnx.ml")
def import_svm_regressor(
    x: Ref,
    *,
    coefficients: Sequence[float],
    rho: Sequence[float],
    support_vectors: Sequence[float] = (),
    n_supports: int = 0,
    kernel_type: str = "LINEAR",
    kernel_params: Sequence[float] = (),
    one_class: int = 0,
    post_transform: str = "NONE",
) -> Expr:
    """A weighted sum of kernels, or 1 and -1 by its sign; ONNX Runtime applies no post transform, and so does this."""
    if n_supports:
        kernels = _kernels(x, support_vectors, n_supports, kernel_type, kernel_params)
        weight = _matrix(coefficients, n_supports, 1)
        score: Expr = LinearModel()(kernels, weight, np.array(rho[:1], np.float32))
    else:
        score = linear_scores(x, coefficients, rho[:1], 1)
    if one_class:
        sign = label_above(score, 0, (-1, 1))
        return Cast("float32")(Reshape((-1, 1))(sign))
    return score


@onnx_rule("SVMClassifier", domain="ai.onnx.ml")
def import_svm_classifier(
    x: Ref,
    *,
    coefficients: Sequence[float],
    rho: Sequence[float],
    support_vectors: Sequence[float] = (),
    vectors_per_class: Sequence[int] = (),
    kernel_type: str = "LINEAR",
    kernel_params: Sequence[float] = (),
    prob_a: Sequence[float] = (),
    prob_b: Sequence[float] = (),
    classlabels_ints: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (),
    post_transform: str = "NONE",
    outputs: int = 2,
) -> tuple[Result, ...] | Noted:
    """Every pair of classes has a machine; the label is the class that wins most pairs."""
    labels = class_numbers(classlabels_ints, classlabels_strings)
    total, classes = sum(vectors_per_class), len(labels)
    if not total:
        if classes == 2:
            raise Unsupported("a linear one of two classes has no agreed label; export it as a LinearClassifier")
        scores = linear_scores(x, coefficients, list(rho[:1]) * classes, classes)
        return classified(best_label(scores, labels), post(scores, post_transform), classlabels_strings, outputs)
    pairs = list(combinations(range(classes), 2))
    if len(vectors_per_class) != classes or len(rho) != len(pairs) or not 2 <= classes <= _MOST_CLASSES:
        raise ShapeError(f"it has {classes} classes, vectors for {len(vectors_per_class)}, and {len(rho)} offsets")
    kernels = _kernels(x, support_vectors, total, kernel_type, kernel_params)
    weight = _pair_weights(_matrix(coefficients, classes - 1, total), vectors_per_class, pairs)
    scores = LinearModel()(kernels, weight, np.array(rho, np.float32))
    label = best_label(_votes(scores, pairs, classes), labels)
    if len(prob_a) or len(prob_b):
        slope, offset = np.array(prob_a, np.float32), np.array(prob_b, np.float32)
        real = post(PairProbabilities(classes)(scores, slope, offset), post_transform)
    elif classes > 2:
        real = post(scores, post_transform)
    else:
        real = two_classes(scores, post_transform, complement=post_transform != "NONE")
    return classified(label, real, classlabels_strings, outputs)


def _kernels(x: Ref, vectors: Sequence[float], count: int, kernel: str, parameters: Sequence[float]) -> Expr:
    rows, table = rows_of(x, "float32"), np.array(vectors, np.float32)
    if count < 1 or table.size % count:
        raise ShapeError(f"its {table.size} numbers are not {count} support vectors")
    gamma, coef0, degree = (*parameters, 0.0, 0.0, 0.0)[:3]
    return VectorKernel(kernel, gamma, coef0, degree)(rows, table.reshape(count, -1))


def _matrix(numbers: Sequence[float], rows: int, columns: int) -> Array:
    if len(numbers) != rows * columns:
        raise ShapeError(f"it has {len(numbers)} coefficients, needs {rows * columns}")
    return np.array(numbers, np.float32).reshape(rows, columns)


def _pair_weights(coefficients: Array, counts: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Array:
    """(vectors, pairs) from ONNX's (classes - 1, vectors), where a vector's own class is left out."""
    ends = np.cumsum(counts)
    own = [slice(int(end - count), int(end)) for end, count in zip(ends, counts, strict=True)]
    weight = np.zeros((coefficients.shape[1], len(pairs)), np.float32)
    for column, (first, second) in enumerate(pairs):
        weight[own[first], column] = coefficients[second - 1, own[first]]
        weight[own[second], column] = coefficients[first, own[second]]
    return weight


def _votes(scores: Expr, pairs: Sequence[tuple[int, int]], classes: int) -> Expr:
    """(rows, classes): how many pairs each class wins; the first of a pair wins above 0."""
    wins, losses = np.zeros((len(pairs), classes), np.float32), np.zeros((len(pairs), classes), np.float32)
    for row, (first, second) in enumerate(pairs):
        wins[row, first] = losses[row, second] = 1
    above = Cast("float32")(Greater()(scores, np.array(0, expr_type(scores).dtype)))
    return LinearModel()(above, wins - losses, losses.sum(axis=0))
