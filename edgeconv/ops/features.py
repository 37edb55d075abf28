"""Import rules of ai.onnx.ml's operators on features, in terms of others; and those that there is no way to run."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, prod

import numpy as np

from edgeconv.ops.add import Sub
from edgeconv.ops.base import Expr, Ref, ShapeError, expr_type
from edgeconv.ops.broadcast import fits
from edgeconv.ops.cast import Cast
from edgeconv.ops.class_labels import picked
from edgeconv.ops.compare import Equal, Greater
from edgeconv.ops.concat import Concat
from edgeconv.ops.gather import Gather
from edgeconv.ops.logic import IsNaN
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.onnx_rules import Names, Noted, Unsupported, onnx_rule, refuse
from edgeconv.ops.pad import Pad
from edgeconv.ops.reduce import ReduceMax
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.simple_norms import LpNorm
from edgeconv.ops.slice import Slice
from edgeconv.ops.where import Where

__all__: list[str] = []

_DOMAIN = "ai.onnx.ml"


@onnx_rule("Scaler", domain=_DOMAIN)
def import_scaler(x: Ref, *, offset: Sequence[float] = (), scale: Sequence[float] = ()) -> Expr:
    """(x - offset) * scale in float32, feature by feature or with one number for all."""
    for numbers in (offset, scale):
        if numbers:
            _check_features(x, len(numbers))
    found: Expr = _real(x)
    if any(offset):
        found = Sub()(found, np.array(offset, np.float32))
    return Mul()(found, np.array(scale, np.float32)) if any(item != 1 for item in scale) else found


def _check_features(x: Ref, count: int) -> None:
    """ShapeError where `count` numbers are neither one for all features nor one for each."""
    features = x.type.shape[-1:] or (1,)
    if count != 1 and not fits(features, (count,)):
        raise ShapeError(f"it has {count} numbers for the features of {x.type}")


@onnx_rule("Normalizer", domain=_DOMAIN)
def import_normalizer(x: Ref, *, norm: str = "MAX") -> Expr:
    """Rows divided by their norm, in float32; rows of zeros stay so. MAX is the largest number, sign and all."""
    rows = _real(x)
    axis = max(x.type.rank - 1, 0)
    if norm in ("L1", "L2"):
        return LpNorm(axis, int(norm[1]))(rows)
    if norm != "MAX":
        raise Unsupported(f"its norm {norm!r} is none that ONNX knows; use MAX, L1 or L2")
    top = ReduceMax((axis,))(rows)
    return Div()(rows, Where()(Equal()(top, np.float32(0).reshape(1)), np.float32(1).reshape(1), top))


@onnx_rule("Imputer", domain=_DOMAIN)
def import_imputer(
    x: Ref,
    *,
    imputed_value_floats: Sequence[float] = (),
    imputed_value_int64s: Sequence[int] = (),
    replaced_value_float: float = 0.0,
    replaced_value_int64: int = 0,
) -> Expr:
    """Features equal to one value (or NaN) replaced, each by its own number or all by one."""
    values: Sequence[float] = imputed_value_floats if x.type.is_float else imputed_value_int64s
    _check_features(x, len(values))
    replaced = replaced_value_float if x.type.is_float else replaced_value_int64
    is_missing = IsNaN()(x) if isnan(replaced) else Equal()(x, np.array([replaced], x.type.dtype))
    return Where()(is_missing, np.array(values, x.type.dtype), x)


@onnx_rule("Binarizer", domain=_DOMAIN)
def import_binarizer(x: Ref, *, threshold: float = 0.0) -> Expr:
    """1 where x is above the threshold, else 0."""
    return Cast(x.type.dtype)(Greater()(x, np.array(threshold, x.type.dtype)))


@onnx_rule("FeatureVectorizer", domain=_DOMAIN)
def import_feature_vectorizer(*xs: Ref, inputdimensions: Sequence[int] = ()) -> Expr:
    """Rows of features side by side, in float32; each input is cut or filled with zeros to its own length."""
    sizes: Sequence[int | None] = inputdimensions or [None] * len(xs)
    if len(sizes) != len(xs):
        raise ShapeError(f"it has {len(sizes)} inputdimensions for {len(xs)} inputs")
    parts = [_exactly(_real(x), size) for x, size in zip(xs, sizes, strict=True)]
    return parts[0] if len(parts) == 1 else Concat(1)(*parts)


def _exactly(x: Expr, size: int | None) -> Expr:
    """x as rows of `size` features."""
    known = expr_type(x)
    rows = Reshape((-1, 1) if known.rank == 1 else (0, prod(known.ints[1:])))(x) if known.rank != 2 else x
    features = expr_type(rows).shape[1]
    if size is None or size == features or not isinstance(features, int):
        return rows
    return Slice((0,), (size,), (1,), (1,))(rows) if size < features else Pad((0, 0, 0, size - features))(rows)


@onnx_rule("OneHotEncoder", domain=_DOMAIN)
def import_one_hot_encoder(
    x: Ref, *, cats_int64s: Sequence[int] = (), cats_strings: Sequence[str] = (), zeros: int = 1
) -> Expr:
    """A new last dimension with 1 at the category; anything else gives zeros, where ONNX stops if `zeros` is 0."""
    if cats_strings:
        raise Unsupported("its categories are strings, which the device has no tensors for; encode them as numbers")
    whole = x if x.type.dtype == "int64" else Cast("int64")(x)
    column = Reshape((*[0] * x.type.rank, 1))(whole)
    return Cast("float32")(Equal()(column, np.array(cats_int64s, np.int64)))


@onnx_rule("ArrayFeatureExtractor", domain=_DOMAIN)
def import_array_feature_extractor(x: Ref | Names, indices: Ref) -> Expr | Noted:
    """The features that the indices name; of a single row, a matrix of one row. Of class names, their numbers."""
    if isinstance(x, Names):
        return picked(x, Reshape((1, -1))(indices))
    row: Expr = Reshape((1, -1))(x) if x.type.rank == 1 else x
    flat: Expr = indices if indices.type.rank == 1 else Reshape((-1,))(indices)
    return Gather(expr_type(row).rank - 1)(row, flat)


@onnx_rule("ZipMap", domain=_DOMAIN)
def import_zip_map(x: Ref, *, classlabels_int64s: Sequence[int] = (), classlabels_strings: Sequence[str] = ()) -> Noted:
    """The probabilities as they are."""
    labels = ", ".join(str(label) for label in classlabels_int64s or classlabels_strings)
    return Noted((x,), f"instead of a list of maps it gives the matrix of probabilities, a column per class: {labels}")


refuse(
    "CastMap",
    "DictVectorizer",
    domain=_DOMAIN,
    reason="it reads a map, and the device has tensors only; turn the maps into arrays before the model",
)


def _real(x: Ref) -> Expr:
    return x if x.type.dtype == "float32" else Cast("float32")(x)
