"""LinearModel: the linear models of ai.onnx.ml. They stay in float: their raw features have no common scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, Ref, Scratch, ShapeError, expr_type
from edgeconv.ops.broadcast import fits
from edgeconv.ops.class_labels import best_label, class_numbers, classified, label_above, rows_of
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.onnx_rules import Noted, Result, onnx_rule
from edgeconv.ops.post_transform import post_transform as post
from edgeconv.ops.post_transform import two_classes
from edgeconv.records import dataclass

__all__ = ["LinearModel", "linear_scores", "transformed"]


@dataclass(frozen=True)
class LinearModel(Operator):
    """x weight + bias in the dtype of the weight: x (rows, features), weight (features, targets), bias (targets,).

    Features may be float64 where the weight is float32; products and sums are float64 then.
    """

    float_reason: ClassVar[str] = "it reads features without a common scale, which int8 could not hold"

    def infer(self, x: TensorType, weight: TensorType, bias: TensorType) -> tuple[TensorType, ...]:
        if x.rank != 2 or weight.rank != 2 or not fits((x.shape[1], *bias.shape), weight.shape):
            raise ShapeError(f"needs rows of features, weights for them and a bias, found {x}, {weight} and {bias}")
        is_one = x.dtype == weight.dtype or (x.dtype, weight.dtype) == ("float64", "float32")
        if not x.is_float or weight.dtype != bias.dtype or not is_one:
            raise ShapeError(f"needs real numbers of one dtype, found {x}, {weight} and {bias}")
        return (TensorType(weight.dtype, (x.shape[0], weight.shape[1])),)

    def run(self, x: Array, weight: Array, bias: Array) -> Array:
        return np.asarray(x @ weight + bias, weight.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, weight, bias, out = inputs[0].array, inputs[1].array, inputs[2].array, outputs[0].array
        sums = out if x.dtype == weight.dtype else scratch(out.shape, x.dtype.name)
        if sums is not out and inputs[1].is_constant:
            weight = scratch.hold(weight.astype(x.dtype))

        def kernel() -> None:
            np.matmul(x, weight, out=sums)
            np.add(sums, bias, out=sums)

        return kernel if sums is out else chain([kernel, cast(out, sums)])

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * int(inputs[1].ints[0])


def linear_scores(x: Expr, coefficients: Sequence[float], intercepts: Sequence[float], targets: int) -> Expr:
    """(rows, targets) in float32; the coefficients of each target follow one another."""
    if targets < 1 or len(coefficients) % targets or len(intercepts) not in (0, targets):
        raise ShapeError(
            f"{len(coefficients)} coefficients and {len(intercepts)} intercepts do not fit {targets} targets"
        )
    weight = np.array(coefficients, np.float32).reshape(targets, -1).T
    bias = np.array(intercepts or [0.0] * targets, np.float32)
    return LinearModel()(rows_of(x, "float32"), np.ascontiguousarray(weight), bias)


@onnx_rule("LinearRegressor", domain="ai.onnx.ml")
def import_linear_regressor(
    x: Ref,
    *,
    coefficients: Sequence[float],
    intercepts: Sequence[float] = (),
    post_transform: str = "NONE",
    targets: int = 1,
) -> Expr:
    """A linear map; ONNX Runtime gives a single target untransformed but for PROBIT, and so does this."""
    return transformed(linear_scores(x, coefficients, intercepts, targets), post_transform)


def transformed(scores: Expr, kind: str) -> Expr:
    """`kind` of a regressor's scores."""
    alone = expr_type(scores).shape[1] == 1 and kind in ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    return scores if alone else post(scores, kind)


@onnx_rule("LinearClassifier", domain="ai.onnx.ml")
def import_linear_classifier(
    x: Ref,
    *,
    coefficients: Sequence[float],
    intercepts: Sequence[float] = (),
    classlabels_ints: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (),
    multi_class: int = 0,
    post_transform: str = "NONE",
    outputs: int = 2,
) -> tuple[Result, ...] | Noted:
    """Labels and scores; one row of coefficients for two classes is the score of the second."""
    labels = class_numbers(classlabels_ints, classlabels_strings)
    scores = linear_scores(x, coefficients, intercepts, len(intercepts) or len(labels))
    if expr_type(scores).shape[1] != 1:
        return classified(best_label(scores, labels), post(scores, post_transform), classlabels_strings, outputs)
    if len(labels) != 2:
        label = label_above(scores, 0, (0, 1))
        return classified(label, post(scores, post_transform), classlabels_strings, outputs)
    both = two_classes(scores, post_transform, complement=True)
    return classified(label_above(scores, 0, labels.tolist()), both, classlabels_strings, outputs)
