"""Operators of ai.onnx.ml on features: each spelling, one number for all features or one each, integers, ranks."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

ML = "ai.onnx.ml"
X = data(5, 4)
INTS = np.array([[1, 2, 3, 4], [0, -2, 2, 9], [5, 0, 0, 2]], np.int64)
HOLES = np.where(X > 1, np.nan, X).astype(np.float32)
ZEROS = np.where(np.arange(5)[:, None] == 2, 0, np.abs(X)).astype(np.float32)
NUMBERS = [0.5, -1.0, 2.0, 0.25]


def _case(name: str, op: str, *xs: np.ndarray, judge: str = "onnx", dynamic: int = 0, **fields: object) -> Case:
    return Case(name, op, xs, fields, domain=ML, judge=judge, batched=range(len(xs)), dynamic=dynamic)


CASES = [
    _case("each", "Scaler", X, offset=NUMBERS, scale=[1.0, 2.0, 0.5, 3.0]),
    _case("open_features", "Scaler", X, offset=NUMBERS, scale=[1.0, 2.0, 0.5, 3.0], dynamic=1),
    _case("one", "Scaler", X, offset=[0.5], scale=[2.0]),
    _case("int64", "Scaler", INTS, judge="onnxruntime", offset=NUMBERS, scale=[1.0, 2.0, 0.5, 3.0]),
    _case("max", "Normalizer", ZEROS, norm="MAX"),
    _case("signed_max", "Normalizer", X, judge="onnxruntime", norm="MAX"),
    _case("l1", "Normalizer", ZEROS, norm="L1"),
    _case("l2", "Normalizer", X, norm="L2"),
    _case("int64", "Normalizer", INTS, judge="onnxruntime", norm="L2"),
    _case("nan", "Imputer", HOLES, imputed_value_floats=NUMBERS, replaced_value_float=float("nan")),
    _case("one_value", "Imputer", HOLES, imputed_value_floats=[9.0], replaced_value_float=float("nan")),
    _case("value", "Imputer", ZEROS, imputed_value_floats=NUMBERS, replaced_value_float=0.0),
    _case("open_features", "Imputer", ZEROS, imputed_value_floats=NUMBERS, replaced_value_float=0.0, dynamic=1),
    _case("int64", "Imputer", INTS, imputed_value_int64s=[7, 8, 9, 10], replaced_value_int64=2),
    _case("plain", "Binarizer", X, threshold=0.25),
    _case("default", "Binarizer", X, judge="onnxruntime"),
    _case("two", "FeatureVectorizer", X, X[:, :2], judge="onnxruntime", inputdimensions=[4, 2]),
    _case("cut_and_filled", "FeatureVectorizer", X, X[:, :2], inputdimensions=[3, 3]),
    _case("int64", "FeatureVectorizer", INTS, judge="onnxruntime", inputdimensions=[4]),
    _case("known", "OneHotEncoder", INTS, cats_int64s=[0, 2, 5, 9], zeros=1),
    _case("vector", "OneHotEncoder", INTS[0], cats_int64s=[3, 1], zeros=1),
    _case("float", "OneHotEncoder", INTS.astype(np.float32), judge="onnxruntime", cats_int64s=[0, 2, 5], zeros=1),
    Case("matrix", "ArrayFeatureExtractor", (X, np.array([2, 0, 2])), {}, (1,), domain=ML),
    Case("vector", "ArrayFeatureExtractor", (X[0], np.array([3, 1])), {}, (1,), domain=ML, dynamic=None),
    Case("two_dimensions", "ArrayFeatureExtractor", (X, np.array([[1, 3]])), {}, (1,), domain=ML),
    Case("run_time", "ArrayFeatureExtractor", (X[0], np.array([1, 3])), {}, (0,), domain=ML, batched=(1,)),
]
