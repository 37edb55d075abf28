"""Linear classifiers and regressors: transforms, one or many targets, labels, integers.

ONNX Runtime is the judge: the reference evaluator knows no transform of a regressor, and scores two classes otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.harness import Case, data

ML = "ai.onnx.ml"
X = data(7, 3)
COEFFICIENTS = data(9, seed=1).tolist()
KINDS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")


def _case(name: str, op: str, x: np.ndarray, fields: dict[str, Any], **more: Any) -> Case:
    outputs = 2 if op == "LinearClassifier" else 1
    return Case(name, op, (x,), fields, outputs=outputs, domain=ML, judge="onnxruntime", **more)


def _cases() -> Iterator[Case]:
    one = {"coefficients": COEFFICIENTS[:3], "intercepts": [0.1]}
    three = {"coefficients": COEFFICIENTS, "intercepts": [0.1, -0.2, 0.3], "targets": 3}
    labels = {"classlabels_ints": [4, 7, 2]}
    for kind in KINDS:
        name = kind.lower()
        yield _case(f"{name}_one", "LinearRegressor", X, one | {"post_transform": kind})
        yield _case(f"{name}_three", "LinearRegressor", X, three | {"post_transform": kind})
        classes = {"coefficients": COEFFICIENTS, "intercepts": three["intercepts"], "post_transform": kind, **labels}
        yield _case(f"{name}_three", "LinearClassifier", X, classes)
        two = one | {"classlabels_ints": [4, 7], "post_transform": kind}
        yield _case(f"{name}_two", "LinearClassifier", X, two)
    yield _case("no_intercepts", "LinearRegressor", X, {"coefficients": COEFFICIENTS[:3], "targets": 1})
    yield _case("int64", "LinearClassifier", np.arange(12).reshape(4, 3), classes)
    yield _case("fixed_batch", "LinearRegressor", X, three, dynamic=None)
    yield _case("open_features", "LinearRegressor", X, three, dynamic=1)


CASES = list(_cases())
